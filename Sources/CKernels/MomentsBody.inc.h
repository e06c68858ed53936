// The moments of one real type. The including file defines REAL and the related macros.

typedef struct NAME(sums) {
  lanes_f64 sum, sum_abs, sum_squares;
  REAL_LANES min, max;
} NAME(sums);

typedef struct NAME(counts) {
  MASK_LANES zeros, negative_zeros, nans, positive_infinities, negative_infinities;
} NAME(counts);

/// Adds the lanes that `selected` marks; each lane of it is all ones or zero.
INLINE void NAME(add_group)(NAME(sums) *sums, NAME(counts) *counts,
                            const REAL_LANES *values, const MASK_LANES *selected) {
  const MASK_LANES bits = (MASK_LANES)*values;
  const MASK_LANES present = *selected;
  const MASK_LANES infinity = (MASK_LANES)((REAL_LANES){0} + (REAL)__builtin_inf());
  const MASK_LANES minus_infinity = (MASK_LANES)((REAL_LANES){0} - (REAL)__builtin_inf());
  const MASK_LANES magnitude = bits & MAGNITUDE;
  const MASK_LANES finite = (MASK_LANES)(magnitude < infinity) & present;
  const MASK_LANES zero = (MASK_LANES)(magnitude == 0) & present;
  counts->zeros -= zero;
  counts->negative_zeros -= zero & (MASK_LANES)(bits < 0);
  counts->nans -= (MASK_LANES)(magnitude > infinity) & present;
  counts->positive_infinities -= (MASK_LANES)(bits == infinity) & present;
  counts->negative_infinities -= (MASK_LANES)(bits == minus_infinity) & present;

  const REAL_LANES low = (REAL_LANES)((bits & finite) | (infinity & ~finite));
  const REAL_LANES high = (REAL_LANES)((bits & finite) | (minus_infinity & ~finite));
  sums->min = low < sums->min ? low : sums->min;
  sums->max = high > sums->max ? high : sums->max;

  const lanes_f64 value = __builtin_convertvector((REAL_LANES)(bits & finite), lanes_f64);
  sums->sum += value;
  sums->sum_abs += (lanes_f64)((lanes_i64)value & INT64_MAX);
  sums->sum_squares += value * value;
}

INLINE uint64_t NAME(total)(const MASK_LANES *counts) {
  uint64_t total = 0;
  for (int i = 0; i < LANES; i++) total += (uint64_t)(*counts)[i];
  return total;
}

INLINE void NAME(add_counts)(sumac_moments *moments, const NAME(counts) *counts) {
  moments->zeros += NAME(total)(&counts->zeros);
  moments->negative_zeros += NAME(total)(&counts->negative_zeros);
  moments->nans += NAME(total)(&counts->nans);
  moments->positive_infinities += NAME(total)(&counts->positive_infinities);
  moments->negative_infinities += NAME(total)(&counts->negative_infinities);
}

INLINE void NAME(add_sums)(sumac_moments *moments, const NAME(sums) *sums) {
  double min = moments->min, max = moments->max;
  for (int i = 0; i < LANES; i++) {
    min = sums->min[i] < min ? sums->min[i] : min;
    max = sums->max[i] > max ? sums->max[i] : max;
  }
  moments->min = min + 0.0;
  moments->max = max + 0.0;
  const double magnitude = -min > max ? -min : max;
  moments->max_abs = magnitude > moments->max_abs ? magnitude : moments->max_abs;
  moments->sum += add_lanes(&sums->sum);
  moments->sum_abs += add_lanes(&sums->sum_abs);
  moments->sum_squares += add_lanes(&sums->sum_squares);
}

static void NAME(moments)(const void *values, size_t n, sumac_moments *moments) {
  const char *bytes = values;
  const size_t group_size = sizeof(REAL_LANES);
  const MASK_LANES all = (MASK_LANES){0} - 1;
  size_t groups = n / LANES;
  NAME(sums) sums = {
      .min = (REAL_LANES){0} + (REAL)__builtin_inf(),
      .max = (REAL_LANES){0} - (REAL)__builtin_inf(),
  };
  while (groups > 0) {
    const size_t run = groups < GROUPS_PER_RUN ? groups : GROUPS_PER_RUN;
    NAME(counts) counts = {0};
    for (size_t i = 0; i < run; i++) {
      REAL_LANES x;
      memcpy(&x, bytes + i * group_size, group_size);
      NAME(add_group)(&sums, &counts, &x, &all);
    }
    NAME(add_counts)(moments, &counts);
    bytes += run * group_size;
    groups -= run;
  }
  const size_t rest = n % LANES;
  if (rest > 0) {
    NAME(counts) counts = {0};
    REAL_LANES x = {0};
    MASK_LANES present = {0};
    memcpy(&x, bytes, rest * sizeof(REAL));
    for (size_t i = 0; i < rest; i++) present[i] = -1;
    NAME(add_group)(&sums, &counts, &x, &present);
    NAME(add_counts)(moments, &counts);
  }
  moments->count += n;
  NAME(add_sums)(moments, &sums);
}

/// Returns the sum of the squared distances of the finite values from `mean`, in the lanes of `moments`.
static double NAME(central_squares)(const void *values, size_t n, double mean) {
  const char *bytes = values;
  const size_t group_size = sizeof(REAL_LANES);
  const MASK_LANES infinity = (MASK_LANES)((REAL_LANES){0} + (REAL)__builtin_inf());
  lanes_f64 sum = {0};
  for (size_t start = 0; start < n; start += LANES) {
    const size_t count = n - start < LANES ? n - start : LANES;
    REAL_LANES x = {0};
    MASK_LANES present = {0};
    if (count == LANES) {
      memcpy(&x, bytes, group_size);
      present = present - 1;
    } else {
      memcpy(&x, bytes, count * sizeof(REAL));
      for (size_t i = 0; i < count; i++) present[i] = -1;
    }
    bytes += group_size;
    const MASK_LANES bits = (MASK_LANES)x;
    const MASK_LANES used = (MASK_LANES)((bits & MAGNITUDE) < infinity) & present;
    const lanes_f64 distance = __builtin_convertvector((REAL_LANES)(bits & used), lanes_f64) - mean;
    const lanes_i64 wide = __builtin_convertvector(used, lanes_i64);
    const lanes_f64 kept = (lanes_f64)((lanes_i64)distance & wide);
    sum += kept * kept;
  }
  return add_lanes(&sum);
}
