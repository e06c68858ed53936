// Conversions of one element between F32 bits and a narrower float, without branches.

#define F32_INFINITY 0x7F800000u
#define F32_QUIET 0x00400000u
#define F32_MAGNITUDE 0x7FFFFFFFu

/// The layout of a format with sign, exponent and mantissa. `overflow` and `nan` are the codes for values that are
/// too large and for NaN; `nan` is 0 if the format has no NaN.
typedef struct narrow_format {
  uint32_t mantissa_bits;
  uint32_t bias;
  uint32_t sign_shift;
  uint32_t max_finite;
  uint32_t overflow;
  uint32_t nan;
  uint32_t has_negative_zero;
} narrow_format;

static const narrow_format FORMAT_F4 = {1, 1, 3, 0x07, 0x07, 0x00, 1};
static const narrow_format FORMAT_F6_E2M3 = {3, 1, 5, 0x1F, 0x1F, 0x00, 1};
static const narrow_format FORMAT_F6_E3M2 = {2, 3, 5, 0x1F, 0x1F, 0x00, 1};
static const narrow_format FORMAT_F8_E5M2 = {2, 15, 7, 0x7B, 0x7C, 0x7F, 1};
static const narrow_format FORMAT_F8_E4M3 = {3, 7, 7, 0x7E, 0x7E, 0x7F, 1};
static const narrow_format FORMAT_F8_E4M3FNUZ = {3, 8, 7, 0x7F, 0x80, 0x80, 0};
static const narrow_format FORMAT_F8_E5M2FNUZ = {2, 16, 7, 0x7F, 0x80, 0x80, 0};
static const narrow_format FORMAT_F16 = {10, 15, 15, 0x7BFF, 0x7C00, 0x7E00, 1};

/// Rounds F32 bits to the nearest value, ties to even. Normal results are rounded as integers, with a carry into the
/// exponent. Subnormal results are rounded by adding a power of two whose last digit is the smallest subnormal of
/// the format.
INLINE uint32_t encode_narrow(uint32_t bits, narrow_format format) {
  const uint32_t shift = 23 - format.mantissa_bits;
  const uint32_t magic = (127 + 24 - format.bias - format.mantissa_bits) << 23;
  const uint32_t magnitude = bits & F32_MAGNITUDE;
  const uint32_t odd = (magnitude >> shift) & 1;
  const uint32_t normal = ((magnitude + (1u << (shift - 1)) - 1 + odd) >> shift) -
                          ((127 - format.bias) << format.mantissa_bits);
  const uint32_t subnormal = bits_of(float_of(magnitude) + float_of(magic)) - magic;
  uint32_t code = magnitude < (128 - format.bias) << 23 ? subnormal : normal;
  code = code > format.max_finite ? format.overflow : code;
  code = magnitude > F32_INFINITY ? format.nan : code;
  const uint32_t sign = bits >> 31 << format.sign_shift;
  const uint32_t dropped_nan = format.nan == 0 && magnitude > F32_INFINITY;
  const uint32_t unsigned_zero = !format.has_negative_zero && code == 0;
  return dropped_nan | unsigned_zero ? 0 : code | sign;
}

/// Decodes finite codes; the codes of infinities and NaNs decode to numbers.
INLINE uint32_t decode_finite(uint32_t code, narrow_format format) {
  const uint32_t magnitude = code & ((1u << format.sign_shift) - 1);
  const uint32_t normal =
      (magnitude << (23 - format.mantissa_bits)) + ((127 - format.bias) << 23);
  const float last_place = float_of((128 - format.bias - format.mantissa_bits) << 23);
  const uint32_t subnormal = bits_of((float)(int32_t)magnitude * last_place);
  const uint32_t sign = (code >> format.sign_shift & 1) << 31;
  return sign | (magnitude >> format.mantissa_bits ? normal : subnormal);
}

INLINE uint32_t encode_f16(uint32_t bits) {
  const uint32_t payload = (bits & F32_MAGNITUDE) > F32_INFINITY ? bits >> 13 & 0x1FF : 0;
  return encode_narrow(bits, FORMAT_F16) | payload;
}

INLINE uint32_t decode_f16(uint32_t code) {
  const uint32_t magnitude = code & 0x7FFF;
  const uint32_t sign = (code & 0x8000) << 16;
  const uint32_t quiet = magnitude > 0x7C00 ? F32_QUIET : 0;
  const uint32_t special = sign | F32_INFINITY | (magnitude & 0x3FF) << 13 | quiet;
  return magnitude >= 0x7C00 ? special : decode_finite(code, FORMAT_F16);
}

INLINE uint32_t encode_bf16(uint32_t bits) {
  const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  return (bits & F32_MAGNITUDE) > F32_INFINITY ? 0xFFFF : rounded;
}

INLINE uint32_t decode_bf16(uint32_t code) { return code << 16; }

INLINE uint32_t decode_f8_e5m2(uint32_t code) { return decode_f16(code << 8); }

INLINE uint32_t decode_f8_e4m3(uint32_t code) {
  const uint32_t nan = (code & 0x80) << 24 | 0x7FF00000;
  return (code & 0x7F) == 0x7F ? nan : decode_finite(code, FORMAT_F8_E4M3);
}

INLINE uint32_t decode_f8_e4m3fnuz(uint32_t code) {
  return code == 0x80 ? 0x7F800001 : decode_finite(code, FORMAT_F8_E4M3FNUZ);
}

INLINE uint32_t decode_f8_e5m2fnuz(uint32_t code) {
  return code == 0x80 ? 0x7F800001 : decode_finite(code, FORMAT_F8_E5M2FNUZ);
}

/// A normal value halfway between two powers of two is a tie; its implied leading bit counts as odd, so it rounds up.
/// A subnormal of exactly 2^-127 is a tie with an even zero and stays.
INLINE uint32_t encode_f8_e8m0(uint32_t bits) {
  const uint32_t magnitude = bits & F32_MAGNITUDE;
  const uint32_t exponent = magnitude >> 23;
  const uint32_t tie_is_down = exponent == 0;
  const uint32_t up = (magnitude & 0x7FFFFF) >= 0x400000 + tie_is_down;
  return exponent == 0xFF ? 0xFF : exponent + up;
}

INLINE uint32_t decode_f8_e8m0(uint32_t code) {
  const uint32_t finite = code == 0 ? 0x00400000 : code << 23;
  return code == 0xFF ? 0x7F800001 : finite;
}
