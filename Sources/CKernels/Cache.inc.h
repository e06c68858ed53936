// Outliers and ranges of key and value caches. What is taken out of values becomes NaN.

/// The value of a rank, from 0, in ascending order; `ties` gets its place among its equals, from 0.
/// `scratch` holds n + 1 values and may be `values`.
static int32_t select_ordered(const int32_t *values, size_t n, size_t rank, int32_t *scratch,
                              size_t *ties) {
  const int32_t *from = values;
  size_t left = n;
  uint32_t result = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    uint32_t counts[256] = {0};
    for (size_t i = 0; i < left; i++) {
      counts[((uint32_t)from[i] ^ 0x80000000) >> shift & 0xFF]++;
    }
    uint32_t digit = 0;
    while (rank >= counts[digit]) rank -= counts[digit++];
    result |= digit << shift;
    size_t kept = 0;
    for (size_t i = 0; i < left; i++) {
      const int32_t value = from[i];
      scratch[kept] = value;
      kept += (size_t)((((uint32_t)value ^ 0x80000000) >> shift & 0xFF) == digit);
    }
    from = scratch;
    left = kept;
  }
  *ties = rank;
  return (int32_t)(result ^ 0x80000000);
}

enum { EXTREME_SAMPLE = 512, EXTREME_BLOCK = 8, EXTREME_LIST = 48 };

/// The value of a rank below EXTREME_LIST among some of a sequence, once all bits are `flip`ped or none.
INLINE int32_t sampled_bound(const int32_t *sequence, size_t step, size_t rank, int32_t flip) {
  int32_t least[EXTREME_LIST];
  for (size_t i = 0; i <= rank; i++) least[i] = INT32_MAX;
  for (size_t i = 0; i < EXTREME_SAMPLE; i++) {
    const int32_t value = sequence[i * step] ^ flip;
    if (value >= least[rank]) continue;
    size_t place = rank;
    for (; place > 0 && least[place - 1] > value; place--) least[place] = least[place - 1];
    least[place] = value;
  }
  return least[rank];
}

/// Makes NaN of `k` of the values at `places`, the least once all bits are `flip`ped or none; of equal ones
/// of the first. `scratch` holds count + 1 values.
INLINE void take_least(any_u32 *target, size_t stride, const int32_t *sequence,
                       const uint32_t *places, size_t count, size_t k, int32_t flip,
                       int32_t *scratch) {
  for (size_t i = 0; i < count; i++) scratch[i] = sequence[places[i]] ^ flip;
  size_t ties;
  const int32_t bound = select_ordered(scratch, count, k - 1, scratch, &ties);
  size_t left = ties + 1;
  for (size_t i = 0; i < count; i++) {
    const int32_t value = sequence[places[i]] ^ flip;
    if (value < bound || (value == bound && left > 0)) {
      left -= (size_t)(value == bound);
      target[places[i] * stride] = 0x7FC00000;
    }
  }
}

/// Makes NaN of the k least and k greatest of a sequence, of equal ones of the first. `scratch` holds three
/// times n + 1 values.
static void take_from(any_u32 *target, size_t stride, const int32_t *sequence, size_t n, size_t k,
                      int32_t *scratch) {
  uint32_t *least = (uint32_t *)scratch, *most = least + n + 1;
  int32_t *spare = scratch + 2 * (n + 1);
  size_t below = 0, above = 0;
  // What a sample says is far from both ends is passed over.
  const size_t expected = k * EXTREME_SAMPLE / n * 5 / 4 + 6;
  if (n >= 4 * EXTREME_SAMPLE && expected < EXTREME_LIST) {
    const int32_t low = sampled_bound(sequence, n / EXTREME_SAMPLE, expected, 0);
    const int32_t high = ~sampled_bound(sequence, n / EXTREME_SAMPLE, expected, -1);
    for (size_t start = 0; start < n; start += EXTREME_BLOCK) {
      const size_t end = start + EXTREME_BLOCK < n ? start + EXTREME_BLOCK : n;
      if (end - start == EXTREME_BLOCK) {
        int32_t found = 0;
        for (size_t i = start; i < start + EXTREME_BLOCK; i++) {
          found |= (sequence[i] <= low) | (sequence[i] >= high);
        }
        if (!found) continue;
      }
      for (size_t i = start; i < end; i++) {
        least[below] = (uint32_t)i;
        most[above] = (uint32_t)i;
        below += (size_t)(sequence[i] <= low);
        above += (size_t)(sequence[i] >= high);
      }
    }
  }
  if (below < k || above < k) {
    for (size_t i = 0; i < n; i++) least[i] = most[i] = (uint32_t)i;
    below = above = n;
  }
  take_least(target, stride, sequence, least, below, k, 0, spare);
  take_least(target, stride, sequence, most, above, k, -1, spare);
}

/// Sequences that lie side by side are worked on together.
enum { EXTREME_COLUMNS = 16, EXTREME_PAD = 16 };

static void take_extremes(void *values, size_t rows, size_t columns, int along_columns, size_t k,
                          void *scratch) {
  any_u32 *x = values;
  int32_t *sequences = scratch;
  const size_t count = along_columns ? rows : columns;
  k = k < count ? k : count;
  if (k == 0) return;
  if (!along_columns) {
    for (size_t row = 0; row < rows; row++) {
      any_u32 *from = x + row * columns;
      for (size_t i = 0; i < columns; i++) sequences[i] = ordered((int32_t)from[i]);
      take_from(from, 1, sequences, columns, k, sequences + columns);
    }
    return;
  }
  // The pad keeps the sequences out of each other's cache sets.
  const size_t step = rows + EXTREME_PAD;
  for (size_t start = 0; start < columns; start += EXTREME_COLUMNS) {
    const size_t width = columns - start < EXTREME_COLUMNS ? columns - start : EXTREME_COLUMNS;
    for (size_t row = 0; row < rows; row++) {
      for (size_t i = 0; i < width; i++) {
        sequences[i * step + row] = ordered((int32_t)x[row * columns + start + i]);
      }
    }
    for (size_t i = 0; i < width; i++) {
      take_from(x + start + i, columns, sequences + i * step, rows, k,
                sequences + EXTREME_COLUMNS * step);
    }
  }
}

static void nan_mask(const void *values, size_t n, void *mask) {
  const any_u32 *x = values;
  uint8_t *bits = mask;
  for (size_t start = 0; start < n; start += 8) {
    const size_t count = n - start < 8 ? n - start : 8;
    uint32_t byte = 0;
    for (size_t i = 0; i < count; i++) {
      byte |= (uint32_t)((x[start + i] & F32_MAGNITUDE) > F32_INFINITY) << i;
    }
    bits[start / 8] = (uint8_t)byte;
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
      float least[16], most[16];
      for (size_t k = 0; k < 16; k++) {
        least[k] = infinity;
        most[k] = -infinity;
      }
      size_t i = 0;
      for (; i + 16 <= r.count; i += 16) {
        for (size_t k = 0; k < 16; k++) {
          least[k] = x[i + k] < least[k] ? x[i + k] : least[k];
          most[k] = x[i + k] > most[k] ? x[i + k] : most[k];
        }
      }
      for (size_t k = 0; i < r.count; i++, k++) {
        least[k] = x[i] < least[k] ? x[i] : least[k];
        most[k] = x[i] > most[k] ? x[i] : most[k];
      }
      for (size_t k = 1; k < 16; k++) {
        least[0] = least[k] < least[0] ? least[k] : least[0];
        most[0] = most[k] > most[0] ? most[k] : most[0];
      }
      *lo = least[0];
      *hi = most[0];
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

/// The next float of a dtype below or above.
INLINE float step_f16(float value, int up) {
  const uint32_t bits = encode_f16(bits_of(value));
  // Zero goes to the least magnitude with the sign of the direction.
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
