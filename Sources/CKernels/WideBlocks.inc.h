// Conversions of runs of elements between F64 or integers and the other dtypes.

/// Rounds to F32 "to odd": toward zero, with the last bit set if the result is inexact. Rounding the result to at
/// most 22 bits of precision then gives the same result as rounding once.
static void round_to_odd(const any_f64 *restrict src, any_u32 *restrict dst, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double value = src[i];
    const float nearest = (float)value;
    const double magnitude = __builtin_fabs(value);
    const double rounded = __builtin_fabs((double)nearest);
    const uint32_t away = rounded > magnitude;
    const uint32_t inexact = away | (rounded < magnitude);
    dst[i] = (bits_of(nearest) - away) | inexact;
  }
}

/// Folds the bits that a double cannot represent into a sticky bit, which is enough for one more rounding to F32.
INLINE double sticky_double(uint64_t magnitude) {
  const uint64_t folded = (magnitude >> 11 | ((magnitude & 0x7FF) != 0)) << 11;
  return (double)(magnitude >> 53 ? folded : magnitude);
}

INLINE double sticky_signed(int64_t value) {
  const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  const double result = sticky_double(magnitude);
  return value < 0 ? -result : result;
}

/// Converts the wide integers to doubles, which are exact, or sticky if no double is exact.
static void decode_wide(int dtype, const uint8_t *src, any_f64 *restrict dst, size_t n) {
  switch (dtype) {
  case SUMAC_I32: DECODE_LOOP(any_i32, code); break;
  case SUMAC_U32: DECODE_LOOP(any_u32, code); break;
  case SUMAC_I64: DECODE_LOOP(any_i64, sticky_signed(code)); break;
  case SUMAC_U64: DECODE_LOOP(any_u64, sticky_double(code)); break;
  }
}

static void integers_to_f64(int dtype, const uint8_t *src, any_f64 *restrict dst, size_t n) {
  switch (dtype) {
  case SUMAC_I64: DECODE_LOOP(any_i64, (double)code); break;
  case SUMAC_U64: DECODE_LOOP(any_u64, (double)code); break;
  default: decode_wide(dtype, src, dst, n); break;
  }
}

static void f32_to_f64(const any_u32 *restrict src, any_f64 *restrict dst, size_t n) {
  for (size_t i = 0; i < n; i++) dst[i] = (double)float_of(src[i]);
}

static void f64_to_f32(const any_f64 *restrict src, any_f32 *restrict dst, size_t n) {
  for (size_t i = 0; i < n; i++) dst[i] = (float)src[i];
}

static void clamp_doubles(const any_f64 *src, any_f64 *dst, size_t n, double limit) {
  for (size_t i = 0; i < n; i++) {
    const double value = src[i];
    const double bounded = value > limit ? limit : value;
    dst[i] = bounded < -limit ? -limit : bounded;
  }
}

/// Converts integers to I64; U64 values that are too large saturate.
static void decode_integers(int dtype, const uint8_t *src, int64_t *restrict dst, size_t n) {
  switch (dtype) {
  case SUMAC_BOOL: DECODE_LOOP(uint8_t, code != 0); break;
  case SUMAC_U8: DECODE_LOOP(uint8_t, code); break;
  case SUMAC_I8: DECODE_LOOP(any_i8, code); break;
  case SUMAC_I16: DECODE_LOOP(any_i16, code); break;
  case SUMAC_U16: DECODE_LOOP(any_u16, code); break;
  case SUMAC_I32: DECODE_LOOP(any_i32, code); break;
  case SUMAC_U32: DECODE_LOOP(any_u32, code); break;
  case SUMAC_I64: DECODE_LOOP(any_i64, code); break;
  case SUMAC_U64: DECODE_LOOP(any_u64, code > INT64_MAX ? INT64_MAX : (int64_t)code); break;
  }
}

#define CLAMP_LOOP(type, low, high)                                              \
  do {                                                                           \
    type *restrict values = (type *)dst;                                         \
    for (size_t i = 0; i < n; i++) {                                             \
      const int64_t floored = src[i] < (low) ? (low) : src[i];                   \
      values[i] = (type)(floored > (high) ? (high) : floored);                   \
    }                                                                            \
  } while (0)

static void encode_integers(int dtype, const int64_t *restrict src, uint8_t *dst, size_t n) {
  switch (dtype) {
  case SUMAC_BOOL:
    for (size_t i = 0; i < n; i++) dst[i] = src[i] != 0;
    break;
  case SUMAC_U8: CLAMP_LOOP(uint8_t, 0, UINT8_MAX); break;
  case SUMAC_I8: CLAMP_LOOP(any_i8, INT8_MIN, INT8_MAX); break;
  case SUMAC_I16: CLAMP_LOOP(any_i16, INT16_MIN, INT16_MAX); break;
  case SUMAC_U16: CLAMP_LOOP(any_u16, 0, UINT16_MAX); break;
  case SUMAC_I32: CLAMP_LOOP(any_i32, INT32_MIN, INT32_MAX); break;
  case SUMAC_U32: CLAMP_LOOP(any_u32, 0, UINT32_MAX); break;
  case SUMAC_I64: CLAMP_LOOP(any_i64, INT64_MIN, INT64_MAX); break;
  case SUMAC_U64: CLAMP_LOOP(any_u64, 0, INT64_MAX); break;
  }
}

/// `below` is the largest double that is at most `high`; `through` is a type that represents both bounds.
#define TRUNCATE_LOOP(type, through, low, below, high)                           \
  do {                                                                           \
    type *restrict values = (type *)dst;                                         \
    for (size_t i = 0; i < n; i++) {                                             \
      const double value = src[i];                                               \
      const double floored = value > (double)(low) ? value : (double)(low);      \
      const double inside = floored < (below) ? floored : (below);               \
      const type whole = value > (below) ? (type)(high) : (type)(through)inside; \
      values[i] = value != value ? 0 : whole;                                    \
      nans |= value != value;                                                    \
    }                                                                            \
  } while (0)

/// Returns 1 if a NaN was converted, otherwise 0. A NaN is an error for dtypes without NaN.
static int truncate_doubles(int dtype, const any_f64 *restrict src, uint8_t *dst, size_t n) {
  int nans = 0;
  switch (dtype) {
  case SUMAC_BOOL:
    for (size_t i = 0; i < n; i++) dst[i] = src[i] != 0;
    break;
  case SUMAC_U8: TRUNCATE_LOOP(uint8_t, int32_t, 0, 0xFFp0, UINT8_MAX); break;
  case SUMAC_I8: TRUNCATE_LOOP(any_i8, int32_t, INT8_MIN, 0x7Fp0, INT8_MAX); break;
  case SUMAC_I16: TRUNCATE_LOOP(any_i16, int32_t, INT16_MIN, 0x7FFFp0, INT16_MAX); break;
  case SUMAC_U16: TRUNCATE_LOOP(any_u16, int32_t, 0, 0xFFFFp0, UINT16_MAX); break;
  case SUMAC_I32: TRUNCATE_LOOP(any_i32, int32_t, INT32_MIN, 0x7FFFFFFFp0, INT32_MAX); break;
  case SUMAC_U32: TRUNCATE_LOOP(any_u32, int64_t, 0, 0xFFFFFFFFp0, UINT32_MAX); break;
  case SUMAC_I64:
    TRUNCATE_LOOP(any_i64, int64_t, INT64_MIN, 0x7FFFFFFFFFFFFC00p0, INT64_MAX);
    break;
  case SUMAC_U64:
    TRUNCATE_LOOP(any_u64, uint64_t, 0, 0xFFFFFFFFFFFFF800p0, UINT64_MAX);
    break;
  }
  return nans;
}
