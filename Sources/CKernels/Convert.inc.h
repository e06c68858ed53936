// `convert`: conversion between any two dtypes, in blocks that fit in the first-level cache.

enum { BLOCK = 1024 };

INLINE int is_exact(int dtype) {
  return dtype != SUMAC_C64 && dtype != SUMAC_F64 && dtype != SUMAC_I32 && dtype != SUMAC_U32 &&
         dtype != SUMAC_I64 && dtype != SUMAC_U64;
}

INLINE int is_integer(int dtype) {
  switch (dtype) {
  case SUMAC_BOOL: case SUMAC_U8: case SUMAC_I8: case SUMAC_I16: case SUMAC_U16:
  case SUMAC_I32: case SUMAC_U32: case SUMAC_I64: case SUMAC_U64: return 1;
  default: return 0;
  }
}

INLINE size_t bits_per_element(int dtype) {
  if (dtype == SUMAC_F4) return 4;
  if (dtype == SUMAC_F6_E2M3 || dtype == SUMAC_F6_E3M2) return 6;
  if (dtype >= SUMAC_C64) return 64;
  if (dtype >= SUMAC_I32) return 32;
  return dtype >= SUMAC_I16 ? 16 : 8;
}

static int encode_exact(int dtype, const any_u32 *src, uint8_t *dst, size_t n, int saturate) {
  any_u32 clamped[BLOCK];
  if (saturate) {
    clamp_magnitudes(src, clamped, n, largest_finite(dtype));
    src = clamped;
  }
  encode_float(dtype, src, dst, n);
  return dtype <= SUMAC_F6_E3M2 && has_nan(src, n);
}

static int convert_exact_block(int from, int to, const uint8_t *src, uint8_t *dst, size_t n,
                               int saturate) {
  any_u32 decoded[BLOCK];
  any_f64 widened[BLOCK];
  const any_u32 *values = (const any_u32 *)src;
  if (to == SUMAC_F32 && !saturate) {
    decode_exact(from, src, (any_u32 *)dst, n);
    return 0;
  }
  if (from != SUMAC_F32) {
    decode_exact(from, src, decoded, n);
    values = decoded;
  }
  if (to == SUMAC_F64) {
    f32_to_f64(values, (any_f64 *)dst, n);
    if (saturate) clamp_doubles((any_f64 *)dst, (any_f64 *)dst, n, DBL_MAX);
    return 0;
  }
  if (is_integer(to)) {
    f32_to_f64(values, widened, n);
    return truncate_doubles(to, widened, dst, n);
  }
  return encode_exact(to, values, dst, n, saturate);
}

static int convert_wide_block(int from, int to, const uint8_t *src, uint8_t *dst, size_t n,
                              int saturate) {
  any_f64 decoded[BLOCK];
  any_u32 rounded[BLOCK];
  const any_f64 *values = (const any_f64 *)src;
  if (to == SUMAC_F64) {
    integers_to_f64(from, src, (any_f64 *)dst, n);
    return 0;
  }
  if (from != SUMAC_F64) {
    decode_wide(from, src, decoded, n);
    values = decoded;
  }
  if (is_integer(to)) return truncate_doubles(to, values, dst, n);
  if (to == SUMAC_F32) {
    if (saturate) clamp_doubles(values, decoded, n, FLT_MAX);
    f64_to_f32(saturate ? decoded : values, (any_f32 *)dst, n);
    return 0;
  }
  round_to_odd(values, rounded, n);
  return encode_exact(to, rounded, dst, n, saturate);
}

static void convert_integer_block(int from, int to, const uint8_t *src, uint8_t *dst, size_t n) {
  int64_t values[BLOCK];
  decode_integers(from, src, values, n);
  encode_integers(to, values, dst, n);
}

static int convert(int from, int to, const void *src, void *dst, size_t n, int saturate) {
  if (from < SUMAC_BOOL || from > SUMAC_U64 || to < SUMAC_BOOL || to > SUMAC_U64 ||
      (from != to && (from == SUMAC_C64 || to == SUMAC_C64))) {
    return SUMAC_UNSUPPORTED_PAIR;
  }
  if (n == 0) return SUMAC_CONVERTED;
  const size_t from_bits = bits_per_element(from);
  const size_t to_bits = bits_per_element(to);
  if (from == to) {
    memcpy(dst, src, n / 8 * from_bits + (n % 8 * from_bits + 7) / 8);
    return SUMAC_CONVERTED;
  }
  int nans = 0;
  for (size_t start = 0; start < n; start += BLOCK) {
    const size_t count = n - start < BLOCK ? n - start : BLOCK;
    const uint8_t *block = (const uint8_t *)src + start / 8 * from_bits;
    uint8_t *out = (uint8_t *)dst + start / 8 * to_bits;
    if (is_integer(from) && is_integer(to)) {
      convert_integer_block(from, to, block, out, count);
    } else if (is_exact(from)) {
      nans |= convert_exact_block(from, to, block, out, count, saturate);
    } else {
      nans |= convert_wide_block(from, to, block, out, count, saturate);
    }
  }
  return nans ? SUMAC_NAN_NOT_REPRESENTABLE : SUMAC_CONVERTED;
}
