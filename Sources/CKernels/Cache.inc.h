// Outliers and ranges of key and value caches. What is taken out of values becomes NaN.

/// The value of a rank, from 0, in ascending order. `scratch` holds `n` values and may be `values`.
static int32_t select_ordered(const int32_t *values, size_t n, size_t rank, int32_t *scratch) {
  const int32_t *from = values;
  size_t left = n;
  static const int shifts[] = {21, 10, 0};
  static const uint32_t masks[] = {0x7FF, 0x7FF, 0x3FF};
  uint32_t result = 0;
  for (int pass = 0; pass < 3; pass++) {
    uint32_t counts[1 << 11] = {0};
    for (size_t i = 0; i < left; i++) {
      counts[((uint32_t)from[i] ^ 0x80000000) >> shifts[pass] & masks[pass]]++;
    }
    uint32_t digit = 0;
    while (rank >= counts[digit]) rank -= counts[digit++];
    result |= digit << shifts[pass];
    size_t kept = 0;
    for (size_t i = 0; i < left; i++) {
      const int32_t value = from[i];
      if ((((uint32_t)value ^ 0x80000000) >> shifts[pass] & masks[pass]) == digit) {
        scratch[kept++] = value;
      }
    }
    from = scratch;
    left = kept;
  }
  return (int32_t)(result ^ 0x80000000);
}

enum { EXTREME_SAMPLE = 256 };

/// The k-th smallest of values that are `flip`ped (all bits or none): those above a bound from a sample
/// are passed over first. `scratch` holds n + 1 values.
INLINE int32_t kth_smallest(const int32_t *values, size_t n, size_t k, int32_t flip,
                            int32_t *scratch) {
  if (n >= 4 * EXTREME_SAMPLE) {
    const size_t expected = k * EXTREME_SAMPLE / n * 2 + 8;
    if (expected < EXTREME_SAMPLE) {
      int32_t sample[EXTREME_SAMPLE];
      for (size_t i = 0; i < EXTREME_SAMPLE; i++) {
        sample[i] = values[i * (n / EXTREME_SAMPLE)] ^ flip;
      }
      const int32_t bound = select_ordered(sample, EXTREME_SAMPLE, expected, sample);
      size_t count = 0;
      for (size_t i = 0; i < n; i++) {
        const int32_t value = values[i] ^ flip;
        scratch[count] = value;
        count += (size_t)(value <= bound);
      }
      if (count >= k) return select_ordered(scratch, count, k - 1, scratch);
    }
  }
  for (size_t i = 0; i < n; i++) scratch[i] = values[i] ^ flip;
  return select_ordered(scratch, n, k - 1, scratch);
}

enum { EXTREME_COLUMNS = 16 };

/// Makes NaN of the k least and k greatest of a sequence, of equal ones the first.
static void take_from(any_u32 *target, size_t stride, const int32_t *sequence, size_t n, size_t k,
                      int32_t *scratch) {
  const int32_t low = kth_smallest(sequence, n, k, 0, scratch);
  const int32_t high = ~kth_smallest(sequence, n, k, -1, scratch);
  size_t below = 0, above = 0;
  for (size_t i = 0; i < n; i++) {
    below += (size_t)(sequence[i] < low);
    above += (size_t)(sequence[i] > high);
  }
  size_t lows = k - below, highs = k - above;
  for (size_t i = 0; i < n; i++) {
    const int32_t value = sequence[i];
    if (value > low && value < high) continue;
    int taken = (value < low) | (value > high);
    if (value == low && lows > 0) {
      lows--;
      taken = 1;
    }
    if (value == high && highs > 0) {
      highs--;
      taken = 1;
    }
    if (taken) target[i * stride] = 0x7FC00000;
  }
}

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
  for (size_t start = 0; start < columns; start += EXTREME_COLUMNS) {
    const size_t width = columns - start < EXTREME_COLUMNS ? columns - start : EXTREME_COLUMNS;
    for (size_t row = 0; row < rows; row++) {
      for (size_t i = 0; i < width; i++) {
        sequences[i * rows + row] = ordered((int32_t)x[row * columns + start + i]);
      }
    }
    for (size_t i = 0; i < width; i++) {
      take_from(x + start + i, columns, sequences + i * rows, rows, k,
                sequences + EXTREME_COLUMNS * rows);
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
