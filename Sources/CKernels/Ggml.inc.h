// The ggml block types with simple arithmetic: 32 values with one or two F16 numbers.

typedef struct ggml_layout {
  size_t bytes;
  /// The number of bytes before the codes.
  size_t head;
  int has_minimum, has_high_bits;
} ggml_layout;

INLINE ggml_layout ggml_layout_of(int type) {
  switch (type) {
  case 2: return (ggml_layout){18, 2, 0, 0};
  case 3: return (ggml_layout){20, 4, 1, 0};
  case 6: return (ggml_layout){22, 6, 0, 1};
  case 7: return (ggml_layout){24, 8, 1, 1};
  default: return (ggml_layout){34, 2, 0, 0};
  }
}

INLINE float load_half(const uint8_t *bytes) {
  return float_of(decode_f16(*(const any_u16 *)bytes));
}

INLINE void store_half(uint8_t *bytes, float value) {
  *(any_u16 *)bytes = (uint16_t)encode_f16(bits_of(value));
}

INLINE void decode_nibbles(const uint8_t *block, int type, any_f32 *restrict x) {
  const ggml_layout layout = ggml_layout_of(type);
  const float d = load_half(block), m = layout.has_minimum ? load_half(block + 2) : 0;
  const uint8_t *codes = block + layout.head;
  const uint32_t high =
      layout.has_high_bits ? *(const any_u32 *)(codes - 4) : 0;
  const int middle = layout.has_minimum ? 0 : layout.has_high_bits ? 16 : 8;
  for (int j = 0; j < 16; j++) {
    const int low = (codes[j] & 15) | (int)(high >> j & 1) << 4;
    const int upper = codes[j] >> 4 | (int)(high >> (j + 16) & 1) << 4;
    x[j] = d * (float)(low - middle);
    x[j + 16] = d * (float)(upper - middle);
  }
  if (layout.has_minimum) {
    for (int j = 0; j < 32; j++) x[j] = x[j] + m;
  }
}

static void ggml_decode(int type, const void *blocks, size_t count, void *values) {
  const size_t bytes = ggml_layout_of(type).bytes;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *block = (const uint8_t *)blocks + bytes * i;
    any_f32 *restrict x = (any_f32 *)values + 32 * i;
    switch (type) {
    case 2: decode_nibbles(block, 2, x); break;
    case 3: decode_nibbles(block, 3, x); break;
    case 6: decode_nibbles(block, 6, x); break;
    case 7: decode_nibbles(block, 7, x); break;
    default: {
      const float d = load_half(block);
      const any_i8 *q = (const any_i8 *)(block + 2);
      for (int j = 0; j < 32; j++) x[j] = d * (float)q[j];
      break;
    }
    }
  }
}

/// Returns 1 / d, or 0 if that is not finite.
INLINE float inverse_of(float d) {
  const float inverse = d != 0 ? 1 / d : 0;
  return (bits_of(inverse) & F32_MAGNITUDE) < F32_INFINITY ? inverse : 0;
}

INLINE void encode_nibbles(const any_f32 *x, int type, uint8_t *block) {
  const ggml_layout layout = ggml_layout_of(type);
  const int top = layout.has_high_bits ? 31 : 15;
  float d, low = 0, shift;
  if (layout.has_minimum) {
    float high = x[0];
    low = x[0];
    for (int j = 1; j < 32; j++) {
      low = x[j] < low ? x[j] : low;
      high = x[j] > high ? x[j] : high;
    }
    d = (high - low) / (float)top;
    shift = 0.5f;
    store_half(block + 2, low);
  } else {
    // The first value with the largest magnitude gets the lowest code.
    float largest = 0, magnitude = 0;
    for (int j = 0; j < 32; j++) {
      const float size = x[j] < 0 ? -x[j] : x[j];
      if (size > magnitude) magnitude = size, largest = x[j];
    }
    d = largest / (float)(layout.has_high_bits ? -16 : -8);
    shift = layout.has_high_bits ? 16.5f : 8.5f;
  }
  store_half(block, d);
  const float inverse = inverse_of(d);
  uint8_t *codes = block + layout.head;
  uint32_t high_bits = 0;
  for (int j = 0; j < 16; j++) {
    const int a = (int)((x[j] - low) * inverse + shift);
    const int b = (int)((x[j + 16] - low) * inverse + shift);
    const uint32_t first = (uint32_t)(a > top ? top : a), second = (uint32_t)(b > top ? top : b);
    codes[j] = (uint8_t)((first & 15) | (second & 15) << 4);
    high_bits |= (first >> 4 & 1) << j | (second >> 4 & 1) << (j + 16);
  }
  if (layout.has_high_bits) *(any_u32 *)(codes - 4) = high_bits;
}

static void ggml_encode(int type, const void *values, size_t count, void *blocks) {
  const size_t bytes = ggml_layout_of(type).bytes;
  for (size_t i = 0; i < count; i++) {
    uint8_t *block = (uint8_t *)blocks + bytes * i;
    const any_f32 *x = (const any_f32 *)values + 32 * i;
    switch (type) {
    case 2: encode_nibbles(x, 2, block); break;
    case 3: encode_nibbles(x, 3, block); break;
    case 6: encode_nibbles(x, 6, block); break;
    case 7: encode_nibbles(x, 7, block); break;
    default: {
      float largest = 0;
      for (int j = 0; j < 32; j++) {
        const float size = x[j] < 0 ? -x[j] : x[j];
        largest = size > largest ? size : largest;
      }
      const float d = largest / 127, inverse = inverse_of(d);
      store_half(block, d);
      for (int j = 0; j < 32; j++) {
        // Halves are rounded away from zero.
        const float scaled = x[j] * inverse;
        const float magnitude = scaled < 0 ? -scaled : scaled;
        int whole = (int)magnitude;
        whole += magnitude - (float)whole >= 0.5f;
        block[2 + j] = (uint8_t)(scaled < 0 ? -whole : whole);
      }
      break;
    }
    }
  }
}
