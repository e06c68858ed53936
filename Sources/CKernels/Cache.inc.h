// Kernels for the outliers and ranges of key and value caches.

/// Returns the value with the given rank in ascending order, starting at 0.
static int32_t select_ordered(const int32_t *values, size_t n, size_t rank) {
  int32_t lowest = INT32_MAX, highest = INT32_MIN;
  for (size_t i = 0; i < n; i++) {
    lowest = values[i] < lowest ? values[i] : lowest;
    highest = values[i] > highest ? values[i] : highest;
  }
  while (lowest < highest) {
    const int32_t middle = (int32_t)((uint32_t)lowest + ((uint32_t)highest - (uint32_t)lowest) / 2);
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) count += (uint32_t)(values[i] <= middle);
    if (count > rank) {
      highest = middle;
    } else {
      lowest = middle + 1;
    }
  }
  return lowest;
}

/// Returns a bound that at least k of the values, and not many more, do not exceed. n is a multiple of LANES.
static int32_t bound_of_lowest(const int32_t *values, size_t n, size_t k) {
  lanes_i32 low = (lanes_i32){0} + INT32_MAX, high = (lanes_i32){0} + INT32_MIN;
  for (size_t i = 0; i < n; i += LANES) {
    lanes_i32 x;
    memcpy(&x, values + i, sizeof x);
    low = x < low ? x : low;
    high = x > high ? x : high;
  }
  int32_t lowest = __builtin_reduce_min(low), highest = __builtin_reduce_max(high);
  while (lowest < highest) {
    const int32_t middle = (int32_t)((uint32_t)lowest + ((uint32_t)highest - (uint32_t)lowest) / 2);
    lanes_i32 sums = {0};
    for (size_t i = 0; i < n; i += LANES) {
      lanes_i32 x;
      memcpy(&x, values + i, sizeof x);
      sums -= x <= middle;
    }
    const size_t count = (size_t)__builtin_reduce_add(sums);
    if (count < k) {
      lowest = middle + 1;
    } else if (count > k + k / 4) {
      highest = middle;
    } else {
      return middle;
    }
  }
  return lowest;
}

/// Computes bounds such that at least k values of a sequence are at or below `low` and at least k are at or above
/// `high`. They are bounds of the lowest and highest values of at least 4k parts of the sequence. `scratch` has room
/// for n values. Returns 0 if the sequence is too short.
static int outer_bounds(const int32_t *sequence, size_t n, size_t k, int32_t *scratch, int32_t *low,
                        int32_t *high) {
  const size_t parts = (4 * k + LANES - 1) / LANES, all = n / LANES;
  if (2 * parts > all) return 0;
  // The highest values are found as the lowest of the complements.
  int32_t *lowest = scratch, *highest = scratch + parts * LANES;
  for (size_t i = 0; i < parts * LANES; i++) {
    lowest[i] = sequence[i];
    highest[i] = ~sequence[i];
  }
  for (size_t start = parts; start < all; start += parts) {
    const size_t count = all - start < parts ? all - start : parts;
    for (size_t i = 0; i < count * LANES; i++) {
      const int32_t value = sequence[start * LANES + i];
      lowest[i] = value < lowest[i] ? value : lowest[i];
      highest[i] = ~value < highest[i] ? ~value : highest[i];
    }
  }
  *low = bound_of_lowest(lowest, parts * LANES, k);
  *high = ~bound_of_lowest(highest, parts * LANES, k);
  return 1;
}

/// The bits of a sequence in a mask; consecutive bits are `stride` apart.
typedef struct {
  uint8_t *bits;
  size_t first, stride;
} marks;

INLINE void mark(const marks *marks, size_t index) {
  const size_t bit = marks->first + index * marks->stride;
  marks->bits[bit / 8] |= (uint8_t)(1u << bit % 8);
}

/// The maximum number of values that are ordered by comparing all pairs.
enum { EXTREME_PAIRS = 128 };

/// Marks the k lowest of values with the given indexes; among equal values, the first are marked. The values are
/// padded with INT32_MAX to a multiple of LANES.
INLINE void mark_by_pairs(const marks *marks, const int32_t *values, const uint32_t *indexes,
                          size_t count, size_t k) {
  lanes_i32 lane;
  for (int i = 0; i < LANES; i++) lane[i] = i;
  for (size_t start = 0; start < count; start += LANES) {
    const size_t end = start + LANES < count ? start + LANES : count;
    lanes_i32 x, before = {0};
    memcpy(&x, values + start, sizeof x);
    for (size_t j = 0; j < start; j++) before -= values[j] <= x;
    for (size_t j = start; j < end; j++) {
      before -= (values[j] < x) | ((values[j] == x) & ((int32_t)(j - start) < lane));
    }
    for (size_t j = end; j < count; j++) before -= values[j] < x;
    const lanes_i32 is_taken = before < (int32_t)k;
    for (uint32_t mask = mask_of_lanes(&is_taken); mask != 0; mask &= mask - 1) {
      mark(marks, indexes[start + (size_t)__builtin_ctz(mask)]);
    }
  }
}

/// Marks the k lowest of the values at `indexes` after an exclusive or with `flip`, which is 0 or -1; among equal
/// values, the first are marked. `found` has room for `count` values, rounded up to a multiple of LANES.
INLINE void mark_lowest(const marks *marks, const int32_t *sequence, const uint32_t *indexes,
                       size_t count, size_t k, int32_t flip, int32_t *found) {
  for (size_t i = 0; i < count; i++) found[i] = sequence[indexes[i]] ^ flip;
  if (count <= EXTREME_PAIRS) {
    for (size_t i = count; i % LANES != 0; i++) found[i] = INT32_MAX;
    return mark_by_pairs(marks, found, indexes, count, k);
  }
  const int32_t bound = select_ordered(found, count, k - 1);
  size_t equals = k;
  for (size_t i = 0; i < count; i++) equals -= (size_t)(found[i] < bound);
  for (size_t i = 0; i < count; i++) {
    if (found[i] < bound || (found[i] == bound && equals > 0)) {
      equals -= (size_t)(found[i] == bound);
      mark(marks, indexes[i]);
    }
  }
}

/// Appends the indexes of the lanes whose bit is set in a mask.
INLINE size_t add_indexes(uint32_t mask, size_t start, uint32_t *indexes, size_t count) {
  for (; mask != 0; mask &= mask - 1) {
    indexes[count++] = (uint32_t)(start + (size_t)__builtin_ctz(mask));
  }
  return count;
}

/// Marks the k lowest and the k highest values of a sequence; among equal values, the first are marked. `scratch`
/// has room for three times n + 1 values and one more vector.
static void mark_outer(const marks *marks, const int32_t *sequence, size_t n, size_t k,
                       int32_t *scratch) {
  uint32_t *lowest = (uint32_t *)scratch, *highest = lowest + n + 1;
  int32_t *spare = scratch + 2 * (n + 1);
  size_t below = 0, above = 0;
  int32_t low, high;
  if (outer_bounds(sequence, n, k, spare, &low, &high)) {
    size_t start = 0;
    for (; start + LANES <= n; start += LANES) {
      lanes_i32 x;
      memcpy(&x, sequence + start, sizeof x);
      const lanes_i32 is_low = x <= low, is_high = x >= high, is_either = is_low | is_high;
      if (mask_of_lanes(&is_either) == 0) continue;
      below = add_indexes(mask_of_lanes(&is_low), start, lowest, below);
      above = add_indexes(mask_of_lanes(&is_high), start, highest, above);
    }
    for (; start < n; start++) {
      if (sequence[start] <= low) lowest[below++] = (uint32_t)start;
      if (sequence[start] >= high) highest[above++] = (uint32_t)start;
    }
  } else {
    for (size_t i = 0; i < n; i++) lowest[i] = highest[i] = (uint32_t)i;
    below = above = n;
  }
  mark_lowest(marks, sequence, lowest, below, k, 0, spare);
  mark_lowest(marks, sequence, highest, above, k, -1, spare);
}

/// Adjacent sequences are processed in groups of this size.
enum { EXTREME_COLUMNS = 16, EXTREME_PAD = 16 };

static void mark_extremes(const void *values, size_t rows, size_t columns, int along_columns,
                          size_t k, void *mask, void *scratch) {
  const any_u32 *x = values;
  int32_t *sequences = scratch;
  const size_t count = along_columns ? rows : columns;
  k = k < count ? k : count;
  if (k == 0) return;
  if (!along_columns) {
    for (size_t row = 0; row < rows; row++) {
      const any_u32 *from = x + row * columns;
      for (size_t i = 0; i < columns; i++) sequences[i] = ordered((int32_t)from[i]);
      const marks marks = {mask, row * columns, 1};
      mark_outer(&marks, sequences, columns, k, sequences + columns);
    }
    return;
  }
  // The padding keeps the sequences out of each other's cache sets.
  const size_t step = rows + EXTREME_PAD;
  for (size_t start = 0; start < columns; start += EXTREME_COLUMNS) {
    const size_t width = columns - start < EXTREME_COLUMNS ? columns - start : EXTREME_COLUMNS;
    for (size_t row = 0; row < rows; row++) {
      for (size_t i = 0; i < width; i++) {
        sequences[i * step + row] = ordered((int32_t)x[row * columns + start + i]);
      }
    }
    for (size_t i = 0; i < width; i++) {
      const marks marks = {mask, start + i, columns};
      mark_outer(&marks, sequences + i * step, rows, k, sequences + EXTREME_COLUMNS * step);
    }
  }
}

static void kept_ranges(const void *values, size_t n, const sumac_grouping *grouping, void *lows,
                        void *highs) {
  const any_f32 *all = values;
  any_f32 *low = lows, *high = highs;
  const float infinity = __builtin_inff();
  walk walk = begin_walk(grouping, n);
  run r;
  size_t cells = 0;
  while (next_run(&walk, &r)) {
    const any_f32 *restrict x = all + r.start;
    any_f32 *restrict lo = low + r.cell, *restrict hi = high + r.cell;
    if (grouping->inner == 1) {
      float lowest[16], highest[16];
      for (size_t k = 0; k < 16; k++) {
        lowest[k] = infinity;
        highest[k] = -infinity;
      }
      size_t i = 0;
      for (; i + 16 <= r.count; i += 16) {
        for (size_t k = 0; k < 16; k++) {
          lowest[k] = x[i + k] < lowest[k] ? x[i + k] : lowest[k];
          highest[k] = x[i + k] > highest[k] ? x[i + k] : highest[k];
        }
      }
      for (size_t k = 0; i < r.count; i++, k++) {
        lowest[k] = x[i] < lowest[k] ? x[i] : lowest[k];
        highest[k] = x[i] > highest[k] ? x[i] : highest[k];
      }
      for (size_t k = 1; k < 16; k++) {
        lowest[0] = lowest[k] < lowest[0] ? lowest[k] : lowest[0];
        highest[0] = highest[k] > highest[0] ? highest[k] : highest[0];
      }
      *lo = lowest[0];
      *hi = highest[0];
      cells = r.cell + 1;
    } else {
      if (r.is_first) {
        for (size_t i = 0; i < r.count; i++) {
          lo[i] = infinity;
          hi[i] = -infinity;
        }
      }
      for (size_t i = 0; i < r.count; i++) {
        lo[i] = x[i] < lo[i] ? x[i] : lo[i];
        hi[i] = x[i] > hi[i] ? x[i] : hi[i];
      }
      cells = r.is_first ? r.cell + r.count : cells;
    }
  }
  for (size_t i = 0; i < cells; i++) {
    if (low[i] > high[i]) low[i] = high[i] = 0;
  }
}

/// Returns the next F16 value above `value` if `up` is 1, otherwise the next one below.
INLINE float step_f16(float value, int up) {
  const uint32_t bits = encode_f16(bits_of(value));
  // From zero, the next value is the smallest magnitude with the sign of the direction.
  if ((bits & 0x7FFF) == 0) return float_of(decode_f16((uint16_t)(up ? 0x0001 : 0x8001)));
  const int away = up == ((bits & 0x8000) == 0);
  return float_of(decode_f16((uint16_t)(away ? bits + 1 : bits - 1)));
}

static void range_pairs(const void *lows, const void *highs, size_t cells, float steps,
                        int scale_dtype, void *scales, void *zeros) {
  const any_f32 *restrict low = lows, *restrict high = highs;
  any_f32 *restrict scale = scales, *restrict zero = zeros;
  for (size_t i = 0; i < cells; i++) {
    const float lo = low[i], hi = high[i];
    float z = rounded_to(scale_dtype, lo);
    if (scale_dtype == SUMAC_F16 && z > lo) z = step_f16(z, 0);
    float s = rounded_to(scale_dtype, (hi - z) / steps);
    if (scale_dtype == SUMAC_F16 && s * steps + z < hi) s = step_f16(s, 1);
    scale[i] = s;
    zero[i] = z;
  }
}
