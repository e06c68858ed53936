// Conversion of words to byte planes and back.

#define SPLIT_LOOP(type, bits, store)                                           \
  do {                                                                          \
    const type *restrict words = (const type *)src;                             \
    for (size_t i = 0; i < n; i++) {                                            \
      const type word = words[i];                                               \
      const type u = (type)(rotate ? word << 1 | word >> (bits - 1) : word);    \
      store;                                                                    \
    }                                                                           \
  } while (0)

INLINE void split2(int rotate, const void *src, uint8_t *restrict p0, size_t n) {
  uint8_t *restrict p1 = p0 + n;
  SPLIT_LOOP(any_u16, 16, (p0[i] = (uint8_t)u, p1[i] = (uint8_t)(u >> 8)));
}

INLINE void split4(int rotate, const void *src, uint8_t *restrict p0, size_t n) {
  uint8_t *restrict p1 = p0 + n, *restrict p2 = p1 + n, *restrict p3 = p2 + n;
  SPLIT_LOOP(any_u32, 32, (p0[i] = (uint8_t)u, p1[i] = (uint8_t)(u >> 8),
                           p2[i] = (uint8_t)(u >> 16), p3[i] = (uint8_t)(u >> 24)));
}

INLINE void split8(int rotate, const void *src, uint8_t *restrict p0, size_t n) {
  uint8_t *restrict p1 = p0 + n, *restrict p2 = p1 + n, *restrict p3 = p2 + n;
  uint8_t *restrict p4 = p3 + n, *restrict p5 = p4 + n, *restrict p6 = p5 + n;
  uint8_t *restrict p7 = p6 + n;
  SPLIT_LOOP(any_u64, 64, (p0[i] = (uint8_t)u, p1[i] = (uint8_t)(u >> 8),
                           p2[i] = (uint8_t)(u >> 16), p3[i] = (uint8_t)(u >> 24),
                           p4[i] = (uint8_t)(u >> 32), p5[i] = (uint8_t)(u >> 40),
                           p6[i] = (uint8_t)(u >> 48), p7[i] = (uint8_t)(u >> 56)));
}

static void split_planes(size_t width, int rotate, const void *src, void *dst, size_t n) {
  switch (width) {
  case 2: if (rotate) split2(1, src, dst, n); else split2(0, src, dst, n); break;
  case 4: if (rotate) split4(1, src, dst, n); else split4(0, src, dst, n); break;
  case 8: if (rotate) split8(1, src, dst, n); else split8(0, src, dst, n); break;
  }
}

#define JOIN_LOOP(type, bits, expression)                                       \
  do {                                                                          \
    type *restrict words = (type *)dst;                                         \
    for (size_t i = 0; i < n; i++) {                                            \
      const type u = (type)(expression);                                        \
      words[i] = (type)(rotate ? u >> 1 | u << (bits - 1) : u);                 \
    }                                                                           \
  } while (0)

typedef const uint8_t *restrict plane;

INLINE void join2(int rotate, const void *const *planes, void *dst, size_t n) {
  plane p0 = planes[0], p1 = planes[1];
  JOIN_LOOP(any_u16, 16, p0[i] | p1[i] << 8);
}

INLINE void join4(int rotate, const void *const *planes, void *dst, size_t n) {
  plane p0 = planes[0], p1 = planes[1], p2 = planes[2], p3 = planes[3];
  JOIN_LOOP(any_u32, 32, (uint32_t)p0[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16 |
                             (uint32_t)p3[i] << 24);
}

INLINE void join8(int rotate, const void *const *planes, void *dst, size_t n) {
  plane p0 = planes[0], p1 = planes[1], p2 = planes[2], p3 = planes[3];
  plane p4 = planes[4], p5 = planes[5], p6 = planes[6], p7 = planes[7];
  JOIN_LOOP(any_u64, 64, (uint64_t)p0[i] | (uint64_t)p1[i] << 8 | (uint64_t)p2[i] << 16 |
                             (uint64_t)p3[i] << 24 | (uint64_t)p4[i] << 32 |
                             (uint64_t)p5[i] << 40 | (uint64_t)p6[i] << 48 |
                             (uint64_t)p7[i] << 56);
}

static void join_planes(size_t width, int rotate, const void *const *planes, void *dst, size_t n) {
  switch (width) {
  case 2: if (rotate) join2(1, planes, dst, n); else join2(0, planes, dst, n); break;
  case 4: if (rotate) join4(1, planes, dst, n); else join4(0, planes, dst, n); break;
  case 8: if (rotate) join8(1, planes, dst, n); else join8(0, planes, dst, n); break;
  }
}
