// Masks (one bit per element, the first in the lowest bit), gaps, and values at selected positions.

INLINE uint64_t mask_word(const uint8_t *mask, size_t word, size_t n) {
  const size_t rest = n - 64 * word;
  if (rest >= 64) return load64(mask + 8 * word);
  uint64_t bits = 0;
  memcpy(&bits, mask + 8 * word, (rest + 7) / 8);
  return bits & (((uint64_t)1 << rest) - 1);
}

#define NONZERO_LOOP(type)                                                        \
  for (size_t i = 0; i < n; i += 8) {                                             \
    const type *x = (const type *)values + i;                                     \
    const size_t count = n - i < 8 ? n - i : 8;                                   \
    unsigned bits = 0;                                                            \
    for (size_t k = 0; k < count; k++) bits |= (unsigned)(x[k] != 0) << k;        \
    to[i / 8] = (uint8_t)bits;                                                    \
    total += (uint64_t)__builtin_popcount(bits);                                  \
  }

static uint64_t nonzero_mask(const void *values, size_t width, size_t n, void *mask) {
  uint8_t *to = mask;
  uint64_t total = 0;
  switch (width) {
  case 1: NONZERO_LOOP(uint8_t); break;
  case 2: NONZERO_LOOP(any_u16); break;
  case 4: NONZERO_LOOP(any_u32); break;
  default: NONZERO_LOOP(any_u64); break;
  }
  return total;
}

static void exclusive_or(void *values, const void *others, size_t n) {
  uint8_t *restrict x = values;
  const uint8_t *restrict y = others;
  for (size_t i = 0; i < n; i++) x[i] ^= y[i];
}

static uint64_t mask_count(const void *mask, size_t n) {
  uint64_t total = 0;
  for (size_t word = 0; word < (n + 63) / 64; word++) {
    total += (uint64_t)__builtin_popcountll(mask_word(mask, word, n));
  }
  return total;
}

#define FOR_BITS(body)                                        \
  for (uint64_t rest_ = bits; rest_; rest_ &= rest_ - 1) {    \
    const size_t at = base + (size_t)__builtin_ctzll(rest_);  \
    body;                                                     \
  }

#define GATHER_LOOP(type)                                                     \
  {                                                                           \
    const type *x = (const type *)values;                                     \
    type *to = (type *)packed;                                                \
    for (size_t word = 0; word < words; word++) {                             \
      const uint64_t bits = mask_word(mask, word, n);                         \
      const size_t base = 64 * word;                                          \
      if (bits == UINT64_MAX) {                                               \
        memcpy(to, x + base, 64 * sizeof(type));                              \
        to += 64;                                                             \
      } else {                                                                \
        FOR_BITS(*to++ = x[at]);                                              \
      }                                                                       \
    }                                                                         \
  }

static void gather(const void *values, size_t width, size_t n, const void *mask, void *packed) {
  const size_t words = (n + 63) / 64;
  switch (width) {
  case 1: GATHER_LOOP(uint8_t); break;
  case 2: GATHER_LOOP(any_u16); break;
  case 4: GATHER_LOOP(any_u32); break;
  default: GATHER_LOOP(any_u64); break;
  }
}

#define SCATTER_LOOP(type)                                                    \
  {                                                                           \
    const type *from = (const type *)packed;                                  \
    type *x = (type *)values;                                                 \
    for (size_t word = 0; word < words; word++) {                             \
      const uint64_t bits = mask_word(mask, word, n);                         \
      const size_t base = 64 * word;                                          \
      const size_t length = n - base < 64 ? n - base : 64;                    \
      if (bits == UINT64_MAX) {                                               \
        memcpy(x + base, from, 64 * sizeof(type));                            \
        from += 64;                                                           \
        continue;                                                             \
      }                                                                       \
      if (length == 64) {                                                     \
        memset(x + base, 0, 64 * sizeof(type));                               \
      } else {                                                                \
        memset(x + base, 0, length * sizeof(type));                           \
      }                                                                       \
      FOR_BITS(x[at] = *from++);                                              \
    }                                                                         \
  }

static void scatter(const void *packed, size_t width, size_t n, const void *mask, void *values) {
  const size_t words = (n + 63) / 64;
  switch (width) {
  case 1: SCATTER_LOOP(uint8_t); break;
  case 2: SCATTER_LOOP(any_u16); break;
  case 4: SCATTER_LOOP(any_u32); break;
  default: SCATTER_LOOP(any_u64); break;
  }
}

#define OVERLAY_LOOP(type, statement)                                         \
  {                                                                           \
    const type *from = (const type *)packed;                                  \
    type *x = (type *)values;                                                 \
    for (size_t word = 0; word < words; word++) {                             \
      const uint64_t bits = mask_word(mask, word, n);                         \
      const size_t base = 64 * word;                                          \
      FOR_BITS(statement);                                                    \
    }                                                                         \
  }

static void replace_masked(const void *packed, size_t width, size_t n, const void *mask,
                           void *values) {
  const size_t words = (n + 63) / 64;
  switch (width) {
  case 1: OVERLAY_LOOP(uint8_t, x[at] = *from++); break;
  case 2: OVERLAY_LOOP(any_u16, x[at] = *from++); break;
  case 4: OVERLAY_LOOP(any_u32, x[at] = *from++); break;
  default: OVERLAY_LOOP(any_u64, x[at] = *from++); break;
  }
}

static void add_masked(const void *packed, int dtype, size_t n, const void *mask, void *values) {
  const size_t words = (n + 63) / 64;
  if (dtype == SUMAC_F64) {
    OVERLAY_LOOP(any_f64, x[at] += *from++);
  } else {
    OVERLAY_LOOP(any_f32, x[at] += *from++);
  }
}

static uint64_t gap8_encode(const void *mask, size_t n, void *gaps) {
  uint8_t *to = gaps;
  size_t next = 0;
  for (size_t word = 0; word < (n + 63) / 64; word++) {
    const uint64_t bits = mask_word(mask, word, n);
    const size_t base = 64 * word;
    FOR_BITS({
      size_t gap = at - next;
      for (; gap >= 255; gap -= 255) *to++ = 255;
      *to++ = (uint8_t)gap;
      next = at + 1;
    });
  }
  return (uint64_t)(to - (uint8_t *)gaps);
}

/// Runs `body` for each position. Returns 0 from the function at a position that is not below `n`.
#define FOR_GAPS(body)                              \
  size_t at = 0, found = 0;                         \
  for (size_t i = 0; i < length; i++) {             \
    const size_t gap = gap_bytes[i];                \
    at += gap;                                      \
    if (gap == 255) continue;                       \
    if (at >= n || found >= count) return 0;        \
    body;                                           \
    found++;                                        \
    at++;                                           \
  }                                                 \
  return found == count && (length == 0 || gap_bytes[length - 1] != 255)

static int gap8_mask(const void *gaps, size_t length, size_t count, size_t n, void *mask) {
  const uint8_t *gap_bytes = gaps;
  uint8_t *to = mask;
  if (n > 0) memset(to, 0, (n + 7) / 8);
  FOR_GAPS(to[at / 8] |= (uint8_t)(1 << at % 8));
}

#define GAP_SCATTER(type)                                                     \
  const type *from = (const type *)packed;                                    \
  type *x = (type *)values;                                                   \
  FOR_GAPS(x[at] = from[found])

static int gap8_scatter1(const uint8_t *gap_bytes, size_t length, const void *packed, size_t count,
                         size_t n, void *values) {
  GAP_SCATTER(uint8_t);
}

static int gap8_scatter2(const uint8_t *gap_bytes, size_t length, const void *packed, size_t count,
                         size_t n, void *values) {
  GAP_SCATTER(any_u16);
}

static int gap8_scatter4(const uint8_t *gap_bytes, size_t length, const void *packed, size_t count,
                         size_t n, void *values) {
  GAP_SCATTER(any_u32);
}

static int gap8_scatter8(const uint8_t *gap_bytes, size_t length, const void *packed, size_t count,
                         size_t n, void *values) {
  GAP_SCATTER(any_u64);
}

static int gap8_scatter(const void *gaps, size_t length, const void *packed, size_t count,
                        size_t width, size_t n, void *values) {
  if (n > 0) memset(values, 0, n * width);
  switch (width) {
  case 1: return gap8_scatter1(gaps, length, packed, count, n, values);
  case 2: return gap8_scatter2(gaps, length, packed, count, n, values);
  case 4: return gap8_scatter4(gaps, length, packed, count, n, values);
  default: return gap8_scatter8(gaps, length, packed, count, n, values);
  }
}

// Selection of the largest magnitudes.

static void magnitude_histogram(const void *values, size_t n, int level, uint32_t prefix,
                                uint64_t *counts) {
  const any_u32 *bits = values;
  if (level == 0) {
    for (size_t i = 0; i < n; i++) counts[(bits[i] & F32_MAGNITUDE) >> 15]++;
  } else {
    for (size_t i = 0; i < n; i++) {
      const uint32_t magnitude = bits[i] & F32_MAGNITUDE;
      if (magnitude >> 15 == prefix) counts[magnitude & 0x7FFF]++;
    }
  }
}

static uint64_t largest_mask(const void *values, size_t n, uint32_t threshold, uint64_t ties,
                             void *mask) {
  const any_u32 *bits = values;
  uint8_t *to = mask;
  uint64_t total = 0;
  for (size_t i = 0; i < n; i += 8) {
    const size_t count = n - i < 8 ? n - i : 8;
    unsigned chosen = 0, tied = 0;
    for (size_t k = 0; k < count; k++) {
      const uint32_t magnitude = bits[i + k] & F32_MAGNITUDE;
      chosen |= (unsigned)(magnitude > threshold) << k;
      tied |= (unsigned)(magnitude == threshold) << k;
    }
    for (; tied != 0 && ties > 0; tied &= tied - 1, ties--) chosen |= tied & (0u - tied);
    to[i / 8] = (uint8_t)chosen;
    total += (uint64_t)__builtin_popcount(chosen);
  }
  return total;
}
