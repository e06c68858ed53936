// Codes of 1 to 8 bits, stored as one per byte or as little-endian bit streams, and tables of values.

/// Packs groups of eight codes, each group into `bits` bytes.
INLINE void pack_eights(const uint8_t *restrict codes, uint8_t *restrict stream, size_t eights,
                        int bits) {
  for (size_t i = 0; i < eights; i++) {
    uint64_t word = 0;
    for (int k = 0; k < 8; k++) word |= (uint64_t)codes[8 * i + (size_t)k] << (bits * k);
    for (int k = 0; k < bits; k++) stream[(size_t)bits * i + (size_t)k] = (uint8_t)(word >> (8 * k));
  }
}

INLINE void unpack_eights(const uint8_t *restrict stream, uint8_t *restrict codes, size_t eights,
                          int bits) {
  const uint8_t mask = (uint8_t)((1 << bits) - 1);
  for (size_t i = 0; i < eights; i++) {
    uint64_t word = 0;
    for (int k = 0; k < bits; k++) word |= (uint64_t)stream[(size_t)bits * i + (size_t)k] << (8 * k);
    for (int k = 0; k < 8; k++) codes[8 * i + (size_t)k] = (uint8_t)(word >> (bits * k)) & mask;
  }
}

static void pack4(const uint8_t *restrict codes, uint8_t *restrict stream, size_t pairs) {
  for (size_t i = 0; i < pairs; i++) {
    stream[i] = (uint8_t)(codes[2 * i] | codes[2 * i + 1] << 4);
  }
}

static void unpack4(const uint8_t *restrict stream, uint8_t *restrict codes, size_t pairs) {
  for (size_t i = 0; i < pairs; i++) {
    codes[2 * i] = stream[i] & 15;
    codes[2 * i + 1] = stream[i] >> 4;
  }
}

static void pack_codes(const void *codes, void *stream, size_t n, int bits) {
  const uint8_t *from = codes;
  uint8_t *to = stream;
  const size_t eights = n / 8, rest = n % 8;
  switch (bits) {
  case 1: pack_eights(from, to, eights, 1); break;
  case 2: pack_eights(from, to, eights, 2); break;
  case 3: pack_eights(from, to, eights, 3); break;
  case 4: pack4(from, to, eights * 4); break;
  case 5: pack_eights(from, to, eights, 5); break;
  case 6: pack_eights(from, to, eights, 6); break;
  case 7: pack_eights(from, to, eights, 7); break;
  default: if (n > 0) memcpy(to, from, n); return;
  }
  if (rest == 0) return;
  uint64_t word = 0;
  for (size_t k = 0; k < rest; k++) word |= (uint64_t)from[8 * eights + k] << ((size_t)bits * k);
  for (size_t k = 0; k < (rest * (size_t)bits + 7) / 8; k++) {
    to[(size_t)bits * eights + k] = (uint8_t)(word >> (8 * k));
  }
}

static void unpack_codes(const void *stream, void *codes, size_t n, int bits) {
  const uint8_t *from = stream;
  uint8_t *to = codes;
  const size_t eights = n / 8, rest = n % 8;
  switch (bits) {
  case 1: unpack_eights(from, to, eights, 1); break;
  case 2: unpack_eights(from, to, eights, 2); break;
  case 3: unpack_eights(from, to, eights, 3); break;
  case 4: unpack4(from, to, eights * 4); break;
  case 5: unpack_eights(from, to, eights, 5); break;
  case 6: unpack_eights(from, to, eights, 6); break;
  case 7: unpack_eights(from, to, eights, 7); break;
  default: if (n > 0) memcpy(to, from, n); return;
  }
  if (rest == 0) return;
  uint64_t word = 0;
  for (size_t k = 0; k < (rest * (size_t)bits + 7) / 8; k++) {
    word |= (uint64_t)from[(size_t)bits * eights + k] << (8 * k);
  }
  for (size_t k = 0; k < rest; k++) {
    to[8 * eights + k] = (uint8_t)(word >> ((size_t)bits * k)) & (uint8_t)((1 << bits) - 1);
  }
}

static int highest_code(const void *codes, size_t n) {
  const uint8_t *code = codes;
  uint8_t highest = 0;
  for (size_t i = 0; i < n; i++) highest = code[i] > highest ? code[i] : highest;
  return highest;
}

static void table_decode(const void *codes, size_t n, const void *table, void *values) {
  const uint8_t *restrict code = codes;
  const any_u32 *restrict entry = table;
  any_u32 *restrict value = values;
  for (size_t i = 0; i < n; i++) value[i] = entry[code[i]];
}

static void table_encode(const void *values, size_t n, const void *table, size_t entries,
                         void *codes) {
  const any_f32 *restrict value = values, *restrict entry = table;
  uint8_t *restrict code = codes;
  float middles[255];
  for (size_t k = 0; k + 1 < entries; k++) middles[k] = entry[k] / 2 + entry[k + 1] / 2;
  for (size_t start = 0; start < n; start += BLOCK) {
    const size_t count = n - start < BLOCK ? n - start : BLOCK;
    memset(code + start, 0, count);
    if (entries <= 32) {
      for (size_t k = 0; k + 1 < entries; k++) {
        const float middle = middles[k];
        for (size_t i = start; i < start + count; i++) code[i] += value[i] > middle;
      }
    } else {
      for (size_t i = start; i < start + count; i++) {
        size_t low = 0, high = entries - 1;
        while (low < high) {
          const size_t half = (low + high) / 2;
          if (value[i] > middles[half]) low = half + 1; else high = half;
        }
        code[i] = (uint8_t)low;
      }
    }
  }
}
