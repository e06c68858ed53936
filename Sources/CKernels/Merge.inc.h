// Differences of models and operations on them, for blocks of F32 values.

typedef uint32_t lanes_u32 __attribute__((ext_vector_type(LANES)));
typedef uint64_t lanes_u64 __attribute__((ext_vector_type(LANES)));

static size_t first_nan(const void *values, size_t n) {
  const any_u32 *bits = values;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    lanes_i32 x;
    memcpy(&x, bits + i, sizeof x);
    const lanes_i32 nan = (lanes_i32)((x & INT32_MAX) > 0x7F800000);
    if (__builtin_reduce_or(nan) != 0) break;
  }
  while (i < n && (bits[i] & F32_MAGNITUDE) <= 0x7F800000u) i++;
  return i;
}

static void count_magnitude(const void *values, size_t n, uint32_t magnitude, uint64_t *counts) {
  const any_u32 *bits = values;
  uint64_t equal = 0, above = 0;
  for (size_t i = 0; i < n; i++) {
    const uint32_t found = bits[i] & F32_MAGNITUDE;
    equal += found == magnitude;
    above += found > magnitude;
  }
  counts[0] += equal;
  counts[1] += above;
}

static uint64_t collect_indexes(const void *values, size_t n, uint32_t upper, void *found) {
  const any_u32 *bits = values;
  any_u64 *to = found;
  uint64_t count = 0;
  for (size_t i = 0; i < n; i += LANES) {
    const size_t lanes = n - i < LANES ? n - i : LANES;
    if (lanes == LANES) {
      // Most groups of lanes contain no such value.
      lanes_i32 x;
      memcpy(&x, bits + i, sizeof x);
      const lanes_i32 is_there = (lanes_i32)(((x & INT32_MAX) >> 15) == (int32_t)upper);
      if (__builtin_reduce_or(is_there) == 0) continue;
    }
    for (size_t k = i; k < i + lanes; k++) {
      const uint32_t magnitude = bits[k] & F32_MAGNITUDE;
      if (magnitude >> 15 == upper) to[count++] = (uint64_t)(magnitude & 0x7FFF) << 32 | k;
    }
  }
  return count;
}

static void subtract(const void *values, const void *others, size_t n, void *differences) {
  const any_f32 *x = values, *y = others;
  any_f32 *to = differences;
  for (size_t i = 0; i < n; i++) to[i] = x[i] - y[i];
}

static void add_scaled(void *sums, const void *values, size_t n, float weight, int is_first) {
  any_f32 *restrict to = sums;
  const any_f32 *restrict x = values;
  if (is_first) {
    for (size_t i = 0; i < n; i++) to[i] = weight * x[i];
  } else {
    for (size_t i = 0; i < n; i++) to[i] += weight * x[i];
  }
}

static void scale_values(void *values, int dtype, size_t n, float factor) {
  if (dtype == SUMAC_F64) {
    any_f64 *x = values;
    for (size_t i = 0; i < n; i++) x[i] *= (double)factor;
  } else {
    any_f32 *x = values;
    for (size_t i = 0; i < n; i++) x[i] *= factor;
  }
}

static void divide(void *values, size_t n, float divisor) {
  any_f32 *x = values;
  for (size_t i = 0; i < n; i++) x[i] /= divisor;
}

/// Sets each value to 0 whose magnitude is not strictly between `low` and `high`.
INLINE void keep_between(any_u32 *bits, size_t n, uint32_t low, uint32_t high) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t magnitude = bits[i] & F32_MAGNITUDE;
    bits[i] = magnitude > low && magnitude < high ? bits[i] : 0;
  }
}

static void keep_range(void *values, size_t n, uint32_t low, size_t low_end, uint32_t high,
                       size_t high_end) {
  any_u32 *bits = values;
  // Magnitudes are less than 2^31, so a bound can move by one to include the magnitudes that equal it.
  size_t start = 0;
  while (start < n) {
    size_t end = n;
    if (start < low_end && low_end < end) end = low_end;
    if (start < high_end && high_end < end) end = high_end;
    const uint32_t above = start < low_end ? low : low + 1;
    const uint32_t below = start < high_end ? high + 1 : high;
    // `above` is the smallest magnitude that is kept, `below` the smallest larger one that is not.
    if (above == 0) {
      for (size_t i = start; i < end; i++) {
        if ((bits[i] & F32_MAGNITUDE) >= below) bits[i] = 0;
      }
    } else {
      keep_between(bits + start, end - start, above - 1, below);
    }
    start = end;
  }
}

INLINE void multiply_wide(const lanes_u32 *by, uint32_t factor, lanes_u32 *high, lanes_u32 *low) {
  const lanes_u64 product = __builtin_convertvector(*by, lanes_u64) * (uint64_t)factor;
  *low = __builtin_convertvector(product, lanes_u32);
  *high = __builtin_convertvector(product >> 32, lanes_u32);
}

/// Computes the upper 24 bits of word 0 of the Philox4x32-10 blocks of sixteen counters, starting at `start`. The
/// upper 64 bits of each counter are `stream`.
INLINE void uniform_lanes(uint64_t key, uint64_t start, uint64_t stream, lanes_u32 *result) {
  const lanes_u64 steps = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const lanes_u64 counters = steps + start;
  lanes_u32 word0 = __builtin_convertvector(counters, lanes_u32);
  lanes_u32 word1 = __builtin_convertvector(counters >> 32, lanes_u32);
  lanes_u32 word2 = (lanes_u32){0} + (uint32_t)stream;
  lanes_u32 word3 = (lanes_u32){0} + (uint32_t)(stream >> 32);
  uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    lanes_u32 high0, low0, high2, low2;
    multiply_wide(&word0, 0xD2511F53u, &high0, &low0);
    multiply_wide(&word2, 0xCD9E8D57u, &high2, &low2);
    word0 = high2 ^ word1 ^ key0;
    word1 = low2;
    word2 = high0 ^ word3 ^ key1;
    word3 = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  *result = word0 >> 8;
}

static void uniforms(uint64_t key, uint64_t start, uint64_t stream, size_t n, void *values) {
  any_f32 *to = values;
  for (size_t i = 0; i < n; i += LANES) {
    lanes_u32 drawn;
    uniform_lanes(key, start + i, stream, &drawn);
    const lanes_f32 uniform = __builtin_convertvector(drawn, lanes_f32) * 0x1p-24f;
    memcpy(to + i, &uniform, (n - i < LANES ? n - i : LANES) * sizeof(float));
  }
}

static void keep_random(void *values, size_t n, uint64_t key, uint64_t start, uint64_t stream,
                        uint32_t bound) {
  any_u32 *bits = values;
  for (size_t i = 0; i < n; i += LANES) {
    const size_t count = n - i < LANES ? n - i : LANES;
    lanes_u32 drawn, x = {0};
    uniform_lanes(key, start + i, stream, &drawn);
    memcpy(&x, bits + i, 4 * count);
    x &= (lanes_u32)(drawn < bound);
    memcpy(bits + i, &x, 4 * count);
  }
}

/// Sorts values by ascending magnitude; among equal magnitudes, the last comes first. The upper words of `to` are
/// the magnitudes, the lower words the indexes.
static void sort_magnitudes(const any_u32 *bits, size_t n, any_u64 *from, any_u64 *to) {
  uint32_t counts[4][256] = {{0}};
  for (size_t i = 0; i < n; i++) {
    const size_t index = n - 1 - i;
    const uint32_t magnitude = bits[index] & F32_MAGNITUDE;
    to[i] = (uint64_t)magnitude << 32 | index;
    for (int digit = 0; digit < 4; digit++) counts[digit][magnitude >> 8 * digit & 255]++;
  }
  // After an even number of passes, the result is in `to` again.
  for (int digit = 0; digit < 4; digit++) {
    any_u64 *swap = from;
    from = to;
    to = swap;
    uint32_t start = 0;
    for (int value = 0; value < 256; value++) {
      const uint32_t count = counts[digit][value];
      counts[digit][value] = start;
      start += count;
    }
    for (size_t i = 0; i < n; i++) to[counts[digit][from[i] >> (32 + 8 * digit) & 255]++] = from[i];
  }
}

static void keep_ranked(void *values, size_t rows, size_t columns, double lowest, double highest,
                        uint64_t key, uint64_t start, uint64_t stream, void *scratch) {
  any_u64 *from = scratch;
  any_u64 *sorted = from + columns;
  for (size_t row = 0; row < rows; row++) {
    any_u32 *bits = (any_u32 *)values + row * columns;
    sort_magnitudes(bits, columns, from, sorted);
    // The memory of the unsorted indexes now holds the rank of each value.
    any_u32 *ranks = (any_u32 *)from;
    for (size_t i = 0; i < columns; i++) ranks[(uint32_t)sorted[i]] = (uint32_t)i;
    const double step = columns > 1 ? (highest - lowest) / (double)(columns - 1) : 0;
    const double first = columns > 1 ? lowest : (lowest + highest) / 2;
    for (size_t i = 0; i < columns; i += LANES) {
      uint32_t drawn[LANES];
      lanes_u32 lanes;
      uniform_lanes(key, start + row * columns + i, stream, &lanes);
      memcpy(drawn, &lanes, sizeof drawn);
      const size_t count = columns - i < LANES ? columns - i : LANES;
      for (size_t k = 0; k < count; k++) {
        const double chance = first + step * (double)ranks[i + k];
        if (drawn[k] * 0x1p-24 >= chance) bits[i + k] = 0;
      }
    }
  }
}

/// Loads a vector, or the last `count` values padded with 0.
INLINE void load_lanes(const any_f32 *x, size_t count, lanes_f32 *lanes) {
  *lanes = (lanes_f32){0};
  if (count >= LANES) {
    memcpy(lanes, x, sizeof *lanes);
  } else {
    memcpy(lanes, x, count * sizeof(float));
  }
}

static void add_task_vectors(void *base, const void *deltas, size_t stride, const float *factors,
                             const float *weights, size_t vectors, size_t n, int elects,
                             int normalizes, float lambda) {
  any_f32 *to = base;
  const any_f32 *delta = deltas;
  float total = 0;
  for (size_t k = 0; k < vectors; k++) total += weights[k];
  if (total < 1e-8f && total > -1e-8f) total = 1;
  for (size_t i = 0; i < n; i += LANES) {
    const size_t count = n - i;
    lanes_f32 sum = {0};
    lanes_f32 weight_sum = {0};
    for (size_t k = 0; k < vectors; k++) {
      lanes_f32 x;
      load_lanes(delta + k * stride + i, count, &x);
      sum += x * factors[k] * weights[k];
    }
    if (elects) {
      const lanes_i32 positive = (lanes_i32)(sum >= 0.0f);
      sum = (lanes_f32){0};
      for (size_t k = 0; k < vectors; k++) {
        lanes_f32 x;
        load_lanes(delta + k * stride + i, count, &x);
        x = x * factors[k] * weights[k];
        const lanes_i32 agrees =
            ((lanes_i32)(x > 0.0f) & positive) | ((lanes_i32)(x < 0.0f) & ~positive);
        sum += (lanes_f32)((lanes_i32)x & agrees);
        weight_sum += (lanes_f32)((lanes_i32)((lanes_f32){0} + weights[k]) & agrees);
      }
      const lanes_i32 none = (lanes_i32)(weight_sum == 0.0f);
      weight_sum = (lanes_f32)(((lanes_i32)weight_sum & ~none) | (none & 0x3F800000));
      if (normalizes) sum /= weight_sum;
    } else if (normalizes) {
      sum /= total;
    }
    lanes_f32 result;
    load_lanes(to + i, count, &result);
    result += sum * lambda;
    memcpy(to + i, &result, (count < LANES ? count : LANES) * sizeof(float));
  }
}

static void compare_pair(const void *values, const void *others, size_t n, sumac_pair *pair) {
  const any_f32 *a = values;
  const any_f32 *b = others;
  lanes_f64 squares[3] = {{0}, {0}, {0}};
  uint64_t opposed = 0, shared = 0;
  for (size_t i = 0; i < n; i += LANES) {
    lanes_f32 x, y;
    load_lanes(a + i, n - i, &x);
    load_lanes(b + i, n - i, &y);
    const lanes_f64 p = __builtin_convertvector(x, lanes_f64);
    const lanes_f64 q = __builtin_convertvector(y, lanes_f64);
    squares[0] += p * p;
    squares[1] += q * q;
    squares[2] += p * q;
    const lanes_i32 both = (lanes_i32)(x != 0.0f) & (lanes_i32)(y != 0.0f);
    const lanes_i32 differs = both & (((lanes_i32)x ^ (lanes_i32)y) >> 31);
    shared += (uint64_t)-(int64_t)__builtin_reduce_add(both);
    opposed += (uint64_t)-(int64_t)__builtin_reduce_add(differs);
  }
  pair->squares += add_lanes(&squares[0]);
  pair->other_squares += add_lanes(&squares[1]);
  pair->product += add_lanes(&squares[2]);
  pair->shared += shared;
  pair->opposed += opposed;
}
