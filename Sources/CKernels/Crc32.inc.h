// CRC-32 of bytes (ISO 3309): eight bytes at a time by tables, or 64 bytes at a time by carry-less products.
//
// The folding follows Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction (Intel,
// 2009), for reflected bits. Its last step is replaced: the folded 16 bytes have the same remainder as all bytes before
// them, so the tables complete it.

static uint32_t crc32_by_tables(uint32_t state, const uint8_t *next, size_t n) {
  for (; n >= 8; n -= 8, next += 8) {
    const uint64_t word = load64(next) ^ state;
    state = sumac_crc32_tables[7][word & 255] ^ sumac_crc32_tables[6][word >> 8 & 255] ^
            sumac_crc32_tables[5][word >> 16 & 255] ^ sumac_crc32_tables[4][word >> 24 & 255] ^
            sumac_crc32_tables[3][word >> 32 & 255] ^ sumac_crc32_tables[2][word >> 40 & 255] ^
            sumac_crc32_tables[1][word >> 48 & 255] ^ sumac_crc32_tables[0][word >> 56];
  }
  for (; n > 0; n--, next++) state = state >> 8 ^ sumac_crc32_tables[0][(state ^ *next) & 255];
  return state;
}

#ifdef SUMAC_HAS_CLMUL
typedef long long crc_pair __attribute__((vector_size(16)));
typedef crc_pair __attribute__((aligned(1), may_alias)) any_crc_pair;

INLINE crc_pair crc_load(const uint8_t *bytes) { return *(const any_crc_pair *)bytes; }

/// Moves `sum` forward by the distance of the constants and adds the bytes that are there.
INLINE crc_pair crc_fold(crc_pair sum, crc_pair constants, crc_pair bytes) {
  return __builtin_ia32_pclmulqdq128(sum, constants, 0x00) ^
         __builtin_ia32_pclmulqdq128(sum, constants, 0x11) ^ bytes;
}

/// Requires at least 64 bytes.
static uint32_t crc32_by_products(uint32_t state, const uint8_t *next, size_t n) {
  // x^(512 ± 32) and x^(128 ± 32) modulo the polynomial, reflected and shifted by one.
  const crc_pair by_64 = {0x154442bd4, 0x1c6e41596};
  const crc_pair by_16 = {0x1751997d0, 0x0ccaa009e};
  crc_pair a = crc_load(next) ^ (crc_pair){(long long)state, 0};
  crc_pair b = crc_load(next + 16), c = crc_load(next + 32), d = crc_load(next + 48);
  for (n -= 64, next += 64; n >= 64; n -= 64, next += 64) {
    a = crc_fold(a, by_64, crc_load(next));
    b = crc_fold(b, by_64, crc_load(next + 16));
    c = crc_fold(c, by_64, crc_load(next + 32));
    d = crc_fold(d, by_64, crc_load(next + 48));
  }
  a = crc_fold(a, by_16, b);
  a = crc_fold(a, by_16, c);
  a = crc_fold(a, by_16, d);
  for (; n >= 16; n -= 16, next += 16) a = crc_fold(a, by_16, crc_load(next));
  uint8_t folded[16];
  memcpy(folded, &a, sizeof folded);
  return crc32_by_tables(crc32_by_tables(0, folded, sizeof folded), next, n);
}
#endif

static uint32_t crc32(const void *bytes, size_t n, uint32_t crc) {
  const uint8_t *next = bytes;
#ifdef SUMAC_HAS_CLMUL
  if (n >= 64) return ~crc32_by_products(~crc, next, n);
#endif
  return ~crc32_by_tables(~crc, next, n);
}
