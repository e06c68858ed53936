// `add_difference`: the sums of two sets of values that may be of any origin.

/// The sums of a block of up to BLOCK values. LANES values are added at a time.
typedef struct difference_sums {
  lanes_f64 squares, before, after, product, largest;
  lanes_i64 changed, unlike, finite, zeros_before, zeros_after;
  lanes_i64 nans_before, nans_after, infinities_before, infinities_after;
} difference_sums;

/// Adds up to LANES values of each side. `has_value` is -1 in the lanes that have values; the others are 0.
INLINE void add_difference_lanes(const lanes_f64 *before, const lanes_f64 *after,
                                 const lanes_i64 *has_value, difference_sums *sums) {
  const int64_t infinity = 0x7FF0000000000000;
  const lanes_f64 a = *before, b = *after;
  const lanes_i64 valid = *has_value;
  const lanes_i64 x = (lanes_i64)a & INT64_MAX, y = (lanes_i64)b & INT64_MAX;
  const lanes_i64 nan_x = x > infinity, nan_y = y > infinity;
  sums->nans_before -= nan_x;
  sums->nans_after -= nan_y;
  sums->infinities_before -= x == infinity;
  sums->infinities_after -= y == infinity;
  sums->zeros_before -= (x == 0) & valid;
  sums->zeros_after -= (y == 0) & valid;
  const lanes_i64 changed = (lanes_i64)(a != b) & ~(nan_x & nan_y);
  const lanes_i64 counts = (x < infinity) & (y < infinity);
  sums->changed -= changed;
  sums->unlike -= changed & ~counts;
  sums->finite -= counts & valid;
  const lanes_f64 p = (lanes_f64)((lanes_i64)a & counts), q = (lanes_f64)((lanes_i64)b & counts);
  const lanes_f64 difference = p - q;
  sums->squares += difference * difference;
  sums->before += p * p;
  sums->after += q * q;
  sums->product += p * q;
  const lanes_f64 gap = (lanes_f64)((lanes_i64)difference & INT64_MAX);
  sums->largest = gap > sums->largest ? gap : sums->largest;
}

/// Sets the first `count` lanes to -1 and the others to 0.
INLINE void mark_lanes(size_t count, lanes_i64 *lanes) {
  for (size_t k = 0; k < LANES; k++) (*lanes)[k] = k < count ? -1 : 0;
}

static void finish_difference(const difference_sums *sums, sumac_difference *difference) {
  difference->squares += add_lanes(&sums->squares);
  difference->norm_before += add_lanes(&sums->before);
  difference->norm_after += add_lanes(&sums->after);
  difference->product += add_lanes(&sums->product);
  for (int k = 0; k < LANES; k++) {
    const double gap = sums->largest[k];
    difference->largest = gap > difference->largest ? gap : difference->largest;
    difference->changed += (uint64_t)sums->changed[k];
    difference->unlike += (uint64_t)sums->unlike[k];
    difference->finite += (uint64_t)sums->finite[k];
    difference->zeros_before += (uint64_t)sums->zeros_before[k];
    difference->zeros_after += (uint64_t)sums->zeros_after[k];
    difference->nans_before += (uint64_t)sums->nans_before[k];
    difference->nans_after += (uint64_t)sums->nans_after[k];
    difference->infinities_before += (uint64_t)sums->infinities_before[k];
    difference->infinities_after += (uint64_t)sums->infinities_after[k];
  }
}

/// True if a value of a block is infinite or NaN.
static __attribute__((noinline)) int has_special_f32(const any_u32 *values, size_t n) {
  lanes_i32 found = {0};
  const size_t whole = n - n % LANES;
  for (size_t start = 0; start < whole; start += LANES) {
    lanes_i32 bits;
    memcpy(&bits, values + start, sizeof bits);
    found |= (bits & INT32_MAX) >= 0x7F800000;
  }
  int32_t any = 0;
  for (int k = 0; k < LANES; k++) any |= found[k];
  for (size_t i = whole; i < n; i++) any |= (values[i] & INT32_MAX) >= 0x7F800000;
  return any != 0;
}

/// Adds finite values to the same lanes as `add_difference_lanes`. The sums are made in two passes over a block, so that
/// those of each stay in registers.
static __attribute__((noinline)) void add_finite_f32(const any_u32 *before, const any_u32 *after,
                                                     size_t n, difference_sums *sums) {
  lanes_f64 squares = sums->squares, largest = sums->largest;
  lanes_i32 changed = {0}, zeros_before = {0}, zeros_after = {0};
  for (size_t start = 0; start < n; start += LANES) {
    lanes_f32 a, b;
    memcpy(&a, before + start, sizeof a);
    memcpy(&b, after + start, sizeof b);
    changed -= (lanes_i32)(a != b);
    zeros_before -= (lanes_i32)(a == 0);
    zeros_after -= (lanes_i32)(b == 0);
    const lanes_f64 difference = __builtin_convertvector(a, lanes_f64) - __builtin_convertvector(b, lanes_f64);
    squares += difference * difference;
    const lanes_f64 gap = (lanes_f64)((lanes_i64)difference & INT64_MAX);
    largest = gap > largest ? gap : largest;
  }
  sums->squares = squares;
  sums->largest = largest;
  sums->changed += __builtin_convertvector(changed, lanes_i64);
  sums->zeros_before += __builtin_convertvector(zeros_before, lanes_i64);
  sums->zeros_after += __builtin_convertvector(zeros_after, lanes_i64);
  sums->finite += (int64_t)(n / LANES);
  lanes_f64 norm_before = sums->before, norm_after = sums->after, product = sums->product;
  for (size_t start = 0; start < n; start += LANES) {
    lanes_f32 a, b;
    memcpy(&a, before + start, sizeof a);
    memcpy(&b, after + start, sizeof b);
    const lanes_f64 p = __builtin_convertvector(a, lanes_f64), q = __builtin_convertvector(b, lanes_f64);
    norm_before += p * p;
    norm_after += q * q;
    product += p * q;
  }
  sums->before = norm_before;
  sums->after = norm_after;
  sums->product = product;
}

static __attribute__((noinline)) void add_difference_f32(const any_u32 *before,
                                                         const any_u32 *after, size_t n,
                                                         sumac_difference *difference) {
  difference_sums sums = {0};
  lanes_i64 valid;
  mark_lanes(LANES, &valid);
  size_t start = 0;
  if (!has_special_f32(before, n) && !has_special_f32(after, n)) {
    start = n - n % LANES;
    add_finite_f32(before, after, start, &sums);
  }
  for (; start < n; start += LANES) {
    const size_t count = n - start < LANES ? n - start : LANES;
    lanes_f32 a = {0}, b = {0};
    if (count == LANES) {
      memcpy(&a, before + start, sizeof a);
      memcpy(&b, after + start, sizeof b);
    } else {
      memcpy(&a, before + start, count * sizeof(float));
      memcpy(&b, after + start, count * sizeof(float));
      mark_lanes(count, &valid);
    }
    const lanes_f64 wide_a = __builtin_convertvector(a, lanes_f64);
    const lanes_f64 wide_b = __builtin_convertvector(b, lanes_f64);
    add_difference_lanes(&wide_a, &wide_b, &valid, &sums);
  }
  finish_difference(&sums, difference);
}

static __attribute__((noinline)) void add_difference_f64(const any_f64 *before,
                                                         const any_f64 *after, size_t n,
                                                         sumac_difference *difference) {
  difference_sums sums = {0};
  lanes_i64 valid;
  for (size_t start = 0; start < n; start += LANES) {
    const size_t count = n - start < LANES ? n - start : LANES;
    lanes_f64 a = {0}, b = {0};
    memcpy(&a, before + start, count * sizeof(double));
    memcpy(&b, after + start, count * sizeof(double));
    mark_lanes(count, &valid);
    add_difference_lanes(&a, &b, &valid, &sums);
  }
  finish_difference(&sums, difference);
}

static void add_difference(int from, const void *before, int to, const void *after, size_t n,
                           sumac_difference *difference) {
  any_u32 x[BLOCK], y[BLOCK];
  any_f64 wide_x[BLOCK], wide_y[BLOCK];
  for (size_t start = 0; start < n; start += BLOCK) {
    const size_t count = n - start < BLOCK ? n - start : BLOCK;
    const uint8_t *old = (const uint8_t *)before + start / 8 * bits_per_element(from);
    const uint8_t *new = (const uint8_t *)after + start / 8 * bits_per_element(to);
    if (from == SUMAC_F64 || to == SUMAC_F64) {
      add_difference_f64(doubles_of(from, old, x, wide_x, count),
                         doubles_of(to, new, y, wide_y, count), count, difference);
    } else {
      add_difference_f32(floats_of(from, old, x, count), floats_of(to, new, y, count), count,
                         difference);
    }
  }
}
