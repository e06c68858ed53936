// Kernels for hashing, comparing and testing bytes.

#define XXH_PRIME1 0x9E3779B185EBCA87u
#define XXH_PRIME2 0xC2B2AE3D27D4EB4Fu
#define XXH_PRIME3 0x165667B19E3779F9u
#define XXH_PRIME4 0x85EBCA77C2B2AE63u
#define XXH_PRIME5 0x27D4EB2F165667C5u

INLINE uint64_t load64(const uint8_t *bytes) { return *(const any_u64 *)bytes; }

INLINE uint64_t rotate_left(uint64_t value, int bits) {
  return value << bits | value >> (64 - bits);
}

INLINE uint64_t xxh_round(uint64_t lane, uint64_t input) {
  return rotate_left(lane + input * XXH_PRIME2, 31) * XXH_PRIME1;
}

INLINE uint64_t xxh_merge(uint64_t hash, uint64_t lane) {
  return (hash ^ xxh_round(0, lane)) * XXH_PRIME1 + XXH_PRIME4;
}

static uint64_t xxh64(const void *bytes, size_t n, uint64_t seed) {
  const uint8_t *next = bytes;
  size_t rest = n;
  uint64_t hash = seed + XXH_PRIME5;
  if (rest >= 32) {
    uint64_t a = seed + XXH_PRIME1 + XXH_PRIME2, b = seed + XXH_PRIME2;
    uint64_t c = seed, d = seed - XXH_PRIME1;
    for (; rest >= 32; rest -= 32, next += 32) {
      a = xxh_round(a, load64(next));
      b = xxh_round(b, load64(next + 8));
      c = xxh_round(c, load64(next + 16));
      d = xxh_round(d, load64(next + 24));
    }
    hash = rotate_left(a, 1) + rotate_left(b, 7) + rotate_left(c, 12) + rotate_left(d, 18);
    hash = xxh_merge(xxh_merge(xxh_merge(xxh_merge(hash, a), b), c), d);
  }
  hash += n;
  for (; rest >= 8; rest -= 8, next += 8) {
    hash = rotate_left(hash ^ xxh_round(0, load64(next)), 27) * XXH_PRIME1 + XXH_PRIME4;
  }
  if (rest >= 4) {
    const uint64_t word = *(const any_u32 *)next;
    hash = rotate_left(hash ^ word * XXH_PRIME1, 23) * XXH_PRIME2 + XXH_PRIME3;
    rest -= 4, next += 4;
  }
  for (; rest > 0; rest--, next++) {
    hash = rotate_left(hash ^ *next * XXH_PRIME5, 11) * XXH_PRIME1;
  }
  hash = (hash ^ hash >> 33) * XXH_PRIME2;
  hash = (hash ^ hash >> 29) * XXH_PRIME3;
  return hash ^ hash >> 32;
}

enum { STRIDE = 4096 };

static int all_zero(const void *bytes, size_t n) {
  const uint8_t *next = bytes;
  for (; n >= STRIDE; n -= STRIDE, next += STRIDE) {
    uint64_t any = 0;
    for (size_t i = 0; i < STRIDE; i += 8) any |= load64(next + i);
    if (any) return 0;
  }
  uint8_t any = 0;
  for (size_t i = 0; i < n; i++) any |= next[i];
  return any == 0;
}

static uint64_t first_difference(const void *a, const void *b, size_t n) {
  const uint8_t *x = a, *y = b;
  size_t start = 0;
  for (; n - start >= STRIDE; start += STRIDE) {
    uint64_t any = 0;
    for (size_t i = start; i < start + STRIDE; i += 8) any |= load64(x + i) ^ load64(y + i);
    if (any) break;
  }
  for (; n - start >= 8; start += 8) {
    const uint64_t difference = load64(x + start) ^ load64(y + start);
    if (difference) return start + (uint64_t)__builtin_ctzll(difference) / 8;
  }
  while (start < n && x[start] == y[start]) start++;
  return start;
}
