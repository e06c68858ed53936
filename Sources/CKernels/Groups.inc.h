// Quantization groups: their layout in a chunk, their ranges and scales, and operations on each value with the cell
// of its group.

typedef int32_t lanes_ordered __attribute__((ext_vector_type(16)));

/// An iteration over the runs of a chunk. The elements of a run share one cell (if `inner` is 1) or have consecutive
/// cells.
typedef struct walk {
  const sumac_grouping *grouping;
  size_t n, next, in_block;
  /// The first cell of the current portion, and the number of its elements that are left.
  size_t cell, left;
  /// True if the next run is the first of its portion.
  int is_first;
  size_t cells_of_portion;
} walk;

typedef struct run {
  size_t start, count, cell;
  int is_first;
} run;

INLINE walk begin_walk(const sumac_grouping *grouping, size_t n) {
  return (walk){.grouping = grouping, .n = n, .in_block = grouping->offset % grouping->block};
}

INLINE int next_run(walk *walk, run *run) {
  if (walk->next >= walk->n) return 0;
  const sumac_grouping *g = walk->grouping;
  if (walk->left == 0) {
    const size_t to_group = g->group - walk->in_block % g->group;
    const size_t to_block = g->block - walk->in_block;
    size_t length = walk->n - walk->next;
    if (to_group < length) length = to_group;
    if (to_block < length) length = to_block;
    walk->cell += walk->cells_of_portion;
    walk->cells_of_portion = length < g->inner ? length : g->inner;
    walk->left = length;
    walk->is_first = 1;
    walk->in_block = length == to_block ? 0 : walk->in_block + length;
  }
  const size_t count = g->inner == 1 || walk->left < g->inner ? walk->left : g->inner;
  *run = (struct run){walk->next, count, walk->cell, walk->is_first};
  walk->next += count;
  walk->left -= count;
  walk->is_first = 0;
  return 1;
}

/// Maps F32 bits to signed integers with the order of the floats. The function is its own inverse.
INLINE int32_t ordered(int32_t bits) { return bits ^ (bits >> 31 & INT32_MAX); }

INLINE void range_of(const any_i32 *bits, size_t n, int32_t *low, int32_t *high) {
  lanes_ordered lowest = (lanes_ordered){0} + INT32_MAX, highest = (lanes_ordered){0} + INT32_MIN;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    lanes_ordered x;
    memcpy(&x, bits + i, sizeof x);
    x = x ^ (x >> 31 & INT32_MAX);
    lowest = x < lowest ? x : lowest;
    highest = x > highest ? x : highest;
  }
  int32_t lo = INT32_MAX, hi = INT32_MIN;
  for (int lane = 0; lane < 16; lane++) {
    lo = lowest[lane] < lo ? lowest[lane] : lo;
    hi = highest[lane] > hi ? highest[lane] : hi;
  }
  for (; i < n; i++) {
    const int32_t x = ordered(bits[i]);
    lo = x < lo ? x : lo;
    hi = x > hi ? x : hi;
  }
  *low = lo;
  *high = hi;
}

static void group_ranges(const void *values, size_t n, const sumac_grouping *grouping, void *lows,
                         void *highs) {
  const any_i32 *bits = values;
  any_i32 *low = lows, *high = highs;
  walk walk = begin_walk(grouping, n);
  run r;
  while (next_run(&walk, &r)) {
    const any_i32 *restrict x = bits + r.start;
    any_i32 *restrict lo = low + r.cell, *restrict hi = high + r.cell;
    if (grouping->inner == 1) {
      int32_t lowest, highest;
      range_of(x, r.count, &lowest, &highest);
      *lo = ordered(lowest);
      *hi = ordered(highest);
    } else if (r.is_first) {
      for (size_t i = 0; i < r.count; i++) lo[i] = hi[i] = x[i];
    } else {
      for (size_t i = 0; i < r.count; i++) {
        const int32_t value = ordered(x[i]);
        lo[i] = value < ordered(lo[i]) ? x[i] : lo[i];
        hi[i] = value > ordered(hi[i]) ? x[i] : hi[i];
      }
    }
  }
}

/// Returns the index of the first 16-bit float whose exponent bits, given by `exponent`, are all set, or n.
INLINE uint64_t first_not_finite16(const any_u16 *bits, size_t n, uint16_t exponent) {
  size_t start = 0;
  for (; start + 1024 <= n; start += 1024) {
    uint16_t found = 0;
    for (size_t i = start; i < start + 1024; i++) {
      found |= (uint16_t)((bits[i] & exponent) == exponent);
    }
    if (found) break;
  }
  while (start < n && (bits[start] & exponent) != exponent) start++;
  return start;
}

static uint64_t first_not_finite(const void *values, int dtype, size_t n) {
  if (dtype == SUMAC_F16) return first_not_finite16(values, n, 0x7C00);
  if (dtype == SUMAC_BF16) return first_not_finite16(values, n, 0x7F80);
  const any_u32 *bits = values;
  size_t start = 0;
  for (; start + 1024 <= n; start += 1024) {
    uint32_t found = 0;
    for (size_t i = start; i < start + 1024; i++) {
      found |= (uint32_t)((bits[i] & F32_INFINITY) == F32_INFINITY);
    }
    if (found) break;
  }
  while (start < n && (bits[start] & F32_INFINITY) != F32_INFINITY) start++;
  return start;
}

INLINE float rounded_to(int dtype, float value) {
  switch (dtype) {
  case SUMAC_F16: return float_of(decode_f16((uint16_t)encode_f16(bits_of(value))));
  case SUMAC_BF16: return float_of(decode_bf16((uint16_t)encode_bf16(bits_of(value))));
  default: return value;
  }
}

/// Rounds to the nearest integer, ties to even, for magnitudes up to 2^22.
INLINE float round_even(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

INLINE float clamp(float x, float low, float high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

static void affine_scales(const void *lows, const void *highs, size_t cells, int bits, int zero,
                          int scale_dtype, void *scales, void *zeros) {
  const any_f32 *restrict low = lows, *restrict high = highs;
  any_f32 *restrict scale = scales, *restrict zero_point = zeros;
  const float steps = (float)((1 << bits) - 1);
  const float middle = (float)(1 << (bits - 1));
  for (size_t i = 0; i < cells; i++) {
    float lo = low[i], hi = high[i];
    switch (zero) {
    case SUMAC_ZERO_SYMMETRIC: {
      const float magnitude = -lo > hi ? -lo : hi;
      scale[i] = rounded_to(scale_dtype, magnitude / (middle - 1));
      zero_point[i] = middle;
      break;
    }
    case SUMAC_ZERO_INTEGER: {
      lo = lo < 0 ? lo : 0;
      hi = hi > 0 ? hi : 0;
      const float s = rounded_to(scale_dtype, (hi - lo) / steps);
      scale[i] = s;
      zero_point[i] = s > 0 ? round_even(clamp(-lo / s, 0, steps)) : 0;
      break;
    }
    default:
      scale[i] = rounded_to(scale_dtype, (hi - lo) / steps);
      zero_point[i] = rounded_to(scale_dtype, lo);
      break;
    }
  }
}

static void element_scales(const void *lows, const void *highs, size_t cells, int scale_dtype,
                           float limit, int largest_exponent, float global, void *scales) {
  const any_f32 *restrict low = lows, *restrict high = highs;
  any_f32 *restrict scale = scales;
  for (size_t i = 0; i < cells; i++) {
    const float magnitude = -low[i] > high[i] ? -low[i] : high[i];
    if (scale_dtype == SUMAC_F8_E8M0) {
      // The code is the biased exponent, as in a float; 0 represents 2^-127.
      int code = (int)(bits_of(magnitude) >> 23) - largest_exponent;
      code = code < 0 ? 0 : code > 254 ? 254 : code;
      scale[i] = float_of(decode_f8_e8m0((uint8_t)code));
    } else if (scale_dtype == SUMAC_F8_E4M3) {
      const float wanted = global > 0 ? magnitude / limit / global : 0;
      const float kept = wanted < 448 ? wanted : 448;
      scale[i] = float_of(decode_f8_e4m3((uint8_t)encode_narrow(bits_of(kept), FORMAT_F8_E4M3)));
    } else {
      scale[i] = rounded_to(scale_dtype, magnitude / limit);
    }
  }
}

INLINE uint8_t affine_code(float value, float scale, float bias, float zero, float low,
                           float high) {
  const float step = scale > 0 ? (value - bias) / scale : 0;
  // The low bits of a float of at least 2^23 are the rounded integer.
  const float shifted = clamp(step, low - zero, high - zero) + 0x1.8p23f;
  return (uint8_t)(bits_of(shifted) + (uint32_t)(int32_t)zero);
}

static void affine_encode(const void *values, size_t n, const sumac_grouping *grouping,
                          const void *scales, const void *zeros, int bits, int zero,
                          void *codes) {
  const any_f32 *x = values;
  const any_f32 *scale = scales, *zero_point = zeros;
  uint8_t *code = codes;
  const float high = (float)((1 << bits) - 1);
  const float low = zero == SUMAC_ZERO_SYMMETRIC ? 1 : 0;
  const int is_biased = zero == SUMAC_ZERO_FLOAT;
  walk walk = begin_walk(grouping, n);
  run r;
  while (next_run(&walk, &r)) {
    const any_f32 *restrict from = x + r.start;
    const any_f32 *restrict s = scale + r.cell, *restrict z = zero_point + r.cell;
    uint8_t *restrict to = code + r.start;
    if (grouping->inner == 1) {
      const float one = *s, point = is_biased ? 0 : *z, bias = is_biased ? *z : 0;
      for (size_t i = 0; i < r.count; i++) {
        to[i] = affine_code(from[i], one, bias, point, low, high);
      }
    } else if (is_biased) {
      for (size_t i = 0; i < r.count; i++) to[i] = affine_code(from[i], s[i], z[i], 0, low, high);
    } else {
      for (size_t i = 0; i < r.count; i++) to[i] = affine_code(from[i], s[i], 0, z[i], low, high);
    }
  }
}

#define AFFINE_DECODE(expression)                                                    \
  while (next_run(&walk, &r)) {                                                      \
    const uint8_t *restrict from = code + r.start;                                   \
    any_f32 *restrict to = x + r.start;                                              \
    const any_f32 *restrict scale = scales_ + r.cell, *restrict zeros = zeros_ + r.cell; \
    if (grouping->inner == 1) {                                                      \
      const float s = *scale, z = *zeros;                                            \
      for (size_t i = 0; i < r.count; i++) {                                         \
        const float q = (float)from[i];                                              \
        to[i] = (expression);                                                        \
      }                                                                              \
    } else {                                                                         \
      for (size_t i = 0; i < r.count; i++) {                                         \
        const float q = (float)from[i], s = scale[i], z = zeros[i];                  \
        to[i] = (expression);                                                        \
      }                                                                              \
    }                                                                                \
  }

static void affine_decode(const void *codes, size_t n, const sumac_grouping *grouping,
                          const void *scales, const void *zeros, int zero, int steps_dtype,
                          void *values) {
  const uint8_t *code = codes;
  const any_f32 *scales_ = scales, *zeros_ = zeros;
  any_f32 *x = values;
  walk walk = begin_walk(grouping, n);
  run r;
  if (zero != SUMAC_ZERO_FLOAT) {
    AFFINE_DECODE((q - z) * s)
  } else if (steps_dtype == SUMAC_BF16) {
    AFFINE_DECODE(rounded_to(SUMAC_BF16, rounded_to(SUMAC_BF16, q * s) + z))
  } else if (steps_dtype == SUMAC_F16) {
    AFFINE_DECODE(rounded_to(SUMAC_F16, rounded_to(SUMAC_F16, q * s) + z))
  } else {
    AFFINE_DECODE(q * s + z)
  }
}

static void scale_groups(const void *source, size_t n, const sumac_grouping *grouping,
                         const void *scales, int divides, void *target) {
  const any_f32 *x = source;
  const any_f32 *scale = scales;
  any_f32 *y = target;
  walk walk = begin_walk(grouping, n);
  run r;
  while (next_run(&walk, &r)) {
    const any_f32 *from = x + r.start, *s = scale + r.cell;
    any_f32 *to = y + r.start;
    if (grouping->inner == 1) {
      const float one = *s;
      if (!divides) {
        for (size_t i = 0; i < r.count; i++) to[i] = from[i] * one;
      } else {
        for (size_t i = 0; i < r.count; i++) to[i] = one > 0 ? from[i] / one : 0;
      }
    } else if (!divides) {
      for (size_t i = 0; i < r.count; i++) to[i] = from[i] * s[i];
    } else {
      for (size_t i = 0; i < r.count; i++) to[i] = s[i] > 0 ? from[i] / s[i] : 0;
    }
  }
}
