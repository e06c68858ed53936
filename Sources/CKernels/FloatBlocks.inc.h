// Conversions of runs of elements between a dtype and F32 bits. "Exact" dtypes are those whose values are all F32
// values: all dtypes except the 32-bit and 64-bit integers, F64 and C64.

#define DECODE_LOOP(type, expression)                      \
  do {                                                     \
    const type *restrict codes = (const type *)src;        \
    for (size_t i = 0; i < n; i++) {                       \
      const type code = codes[i];                          \
      dst[i] = (expression);                               \
    }                                                      \
  } while (0)

#define ENCODE_LOOP(type, expression)                      \
  do {                                                     \
    type *restrict codes = (type *)dst;                    \
    for (size_t i = 0; i < n; i++) {                       \
      const uint32_t bits = src[i];                        \
      codes[i] = (type)(expression);                       \
    }                                                      \
  } while (0)

static void decode_f4(const uint8_t *restrict src, any_u32 *restrict dst, size_t n) {
  for (size_t i = 0; i < n / 2; i++) {
    dst[2 * i] = decode_finite(src[i] & 15, FORMAT_F4);
    dst[2 * i + 1] = decode_finite(src[i] >> 4, FORMAT_F4);
  }
  if (n & 1) dst[n - 1] = decode_finite(src[n / 2] & 15, FORMAT_F4);
}

static void encode_f4(const any_u32 *restrict src, uint8_t *restrict dst, size_t n) {
  for (size_t i = 0; i < n / 2; i++) {
    const uint32_t low = encode_narrow(src[2 * i], FORMAT_F4);
    dst[i] = (uint8_t)(low | encode_narrow(src[2 * i + 1], FORMAT_F4) << 4);
  }
  if (n & 1) dst[n / 2] = (uint8_t)encode_narrow(src[n - 1], FORMAT_F4);
}

INLINE void decode_f6(const uint8_t *src, any_u32 *dst, size_t n, narrow_format format) {
  for (size_t i = 0; i < n; i += 4) {
    const size_t count = n - i < 4 ? n - i : 4;
    const uint8_t *group = src + i / 4 * 3;
    uint32_t stream = group[0];
    if (count > 1) stream |= (uint32_t)group[1] << 8;
    if (count > 2) stream |= (uint32_t)group[2] << 16;
    for (size_t k = 0; k < count; k++) {
      dst[i + k] = decode_finite(stream >> 6 * k & 63, format);
    }
  }
}

INLINE void encode_f6(const any_u32 *src, uint8_t *dst, size_t n, narrow_format format) {
  for (size_t i = 0; i < n; i += 4) {
    const size_t count = n - i < 4 ? n - i : 4;
    uint8_t *group = dst + i / 4 * 3;
    uint32_t stream = 0;
    for (size_t k = 0; k < count; k++) stream |= encode_narrow(src[i + k], format) << 6 * k;
    group[0] = (uint8_t)stream;
    if (count > 1) group[1] = (uint8_t)(stream >> 8);
    if (count > 2) group[2] = (uint8_t)(stream >> 16);
  }
}

static void decode_f16_run(const uint8_t *src, any_u32 *restrict dst, size_t n) {
#ifdef SUMAC_HAS_F16C
  DECODE_LOOP(any_u16, bits_of((float)half_of(code)));
#else
  DECODE_LOOP(any_u16, decode_f16(code));
#endif
}

static void encode_f16_run(const any_u32 *restrict src, uint8_t *dst, size_t n) {
#ifdef SUMAC_HAS_F16C
  ENCODE_LOOP(any_u16, bits_of_half((_Float16)float_of(bits)));
#else
  ENCODE_LOOP(any_u16, encode_f16(bits));
#endif
}

static void decode_exact(int dtype, const uint8_t *src, any_u32 *restrict dst, size_t n) {
  switch (dtype) {
  case SUMAC_BOOL: DECODE_LOOP(uint8_t, code ? 0x3F800000 : 0); break;
  case SUMAC_F4: decode_f4(src, dst, n); break;
  case SUMAC_F6_E2M3: decode_f6(src, dst, n, FORMAT_F6_E2M3); break;
  case SUMAC_F6_E3M2: decode_f6(src, dst, n, FORMAT_F6_E3M2); break;
  case SUMAC_U8: DECODE_LOOP(uint8_t, bits_of((float)code)); break;
  case SUMAC_I8: DECODE_LOOP(any_i8, bits_of((float)code)); break;
  case SUMAC_F8_E5M2: DECODE_LOOP(uint8_t, decode_f8_e5m2(code)); break;
  case SUMAC_F8_E4M3: DECODE_LOOP(uint8_t, decode_f8_e4m3(code)); break;
  case SUMAC_F8_E8M0: DECODE_LOOP(uint8_t, decode_f8_e8m0(code)); break;
  case SUMAC_F8_E4M3FNUZ: DECODE_LOOP(uint8_t, decode_f8_e4m3fnuz(code)); break;
  case SUMAC_F8_E5M2FNUZ: DECODE_LOOP(uint8_t, decode_f8_e5m2fnuz(code)); break;
  case SUMAC_I16: DECODE_LOOP(any_i16, bits_of((float)code)); break;
  case SUMAC_U16: DECODE_LOOP(any_u16, bits_of((float)code)); break;
  case SUMAC_F16: decode_f16_run(src, dst, n); break;
  case SUMAC_BF16: DECODE_LOOP(any_u16, decode_bf16(code)); break;
  }
}

static void encode_float(int dtype, const any_u32 *restrict src, uint8_t *dst, size_t n) {
  switch (dtype) {
  case SUMAC_F4: encode_f4(src, dst, n); break;
  case SUMAC_F6_E2M3: encode_f6(src, dst, n, FORMAT_F6_E2M3); break;
  case SUMAC_F6_E3M2: encode_f6(src, dst, n, FORMAT_F6_E3M2); break;
  case SUMAC_F8_E5M2: ENCODE_LOOP(uint8_t, encode_narrow(bits, FORMAT_F8_E5M2)); break;
  case SUMAC_F8_E4M3: ENCODE_LOOP(uint8_t, encode_narrow(bits, FORMAT_F8_E4M3)); break;
  case SUMAC_F8_E8M0: ENCODE_LOOP(uint8_t, encode_f8_e8m0(bits)); break;
  case SUMAC_F8_E4M3FNUZ: ENCODE_LOOP(uint8_t, encode_narrow(bits, FORMAT_F8_E4M3FNUZ)); break;
  case SUMAC_F8_E5M2FNUZ: ENCODE_LOOP(uint8_t, encode_narrow(bits, FORMAT_F8_E5M2FNUZ)); break;
  case SUMAC_F16: encode_f16_run(src, dst, n); break;
  case SUMAC_BF16: ENCODE_LOOP(any_u16, encode_bf16(bits)); break;
  case SUMAC_F32: memcpy(dst, src, 4 * n); break;
  }
}

static int has_nan(const any_u32 *src, size_t n) {
  uint32_t found = 0;
  for (size_t i = 0; i < n; i++) found |= (src[i] & F32_MAGNITUDE) > F32_INFINITY;
  return (int)found;
}

/// Returns the magnitude, as F32 bits, of the largest finite value of a float dtype with at most 32 bits.
static uint32_t largest_finite(int dtype) {
  switch (dtype) {
  case SUMAC_F4: return bits_of(6);
  case SUMAC_F6_E2M3: return bits_of(7.5f);
  case SUMAC_F6_E3M2: return bits_of(28);
  case SUMAC_F8_E5M2: return bits_of(57344);
  case SUMAC_F8_E4M3: return bits_of(448);
  case SUMAC_F8_E8M0: return bits_of(0x1p127f);
  case SUMAC_F8_E4M3FNUZ: return bits_of(240);
  case SUMAC_F8_E5M2FNUZ: return bits_of(57344);
  case SUMAC_F16: return bits_of(65504);
  case SUMAC_BF16: return 0x7F7F0000;
  default: return bits_of(FLT_MAX);
  }
}

static void clamp_magnitudes(const any_u32 *src, any_u32 *dst, size_t n, uint32_t limit) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t magnitude = src[i] & F32_MAGNITUDE;
    const uint32_t sign = src[i] & ~F32_MAGNITUDE;
    const uint32_t clamped = magnitude > limit ? limit : magnitude;
    dst[i] = sign | (magnitude > F32_INFINITY ? magnitude : clamped);
  }
}
