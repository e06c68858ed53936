// `add_loss`: the difference between values and the values that a conversion or a mask made of them.

/// The magnitudes, as bits, between which the largest one of a block must be for sums in float32: 2^-30 and 2^15. Their
/// squares and those of their rounding errors are normal, and none of them becomes infinite in any dtype.
enum { SMALL_BITS = 97 << 23, LARGE_BITS = 142 << 23 };

/// Returns the number of zeros.
static int64_t count_zeros(const any_u32 *values, size_t n) {
  int32_t count = 0;
  for (size_t i = 0; i < n; i++) count += (values[i] & F32_MAGNITUDE) == 0;
  return count;
}

/// The largest difference, the largest magnitude before and the least magnitude after are bits of F32.
typedef struct loss_lanes {
  lanes_f32 squares, norms;
  lanes_i32 largest, magnitude, least;
} loss_lanes;

/// Adds the loss of up to LANES floats.
INLINE void add_loss_lanes(const any_u32 *before, const any_u32 *after, size_t n,
                           loss_lanes *sums) {
  lanes_i32 x = {0}, y = {0};
  memcpy(&x, before, n * sizeof(float));
  memcpy(&y, after, n * sizeof(float));
  const lanes_i32 old = x & INT32_MAX;
  sums->magnitude = old > sums->magnitude ? old : sums->magnitude;
  const lanes_i32 new = y & INT32_MAX;
  sums->least = new < sums->least ? new : sums->least;
  const lanes_f32 a = (lanes_f32)x, difference = a - (lanes_f32)y;
  sums->norms += a * a;
  sums->squares += difference * difference;
  const lanes_i32 gap = (lanes_i32)difference & INT32_MAX;
  sums->largest = gap > sums->largest ? gap : sums->largest;
}

/// Adds the loss of up to BLOCK floats, with sums in float32.
/// Returns 0 and adds nothing if the largest magnitude is not in the range of such sums.
static __attribute__((noinline)) int add_loss_fast(const any_u32 *before, const any_u32 *after,
                                                   size_t n, sumac_loss *loss) {
  loss_lanes sums = {{0}, {0}, {0}, {0}, (lanes_i32){0} + INT32_MAX};
  size_t start = 0;
  for (; start + LANES <= n; start += LANES) {
    add_loss_lanes(before + start, after + start, LANES, &sums);
  }
  if (start < n) add_loss_lanes(before + start, after + start, n - start, &sums);
  int32_t top = 0, widest = 0, least = INT32_MAX;
  for (int k = 0; k < LANES; k++) {
    top = sums.magnitude[k] > top ? sums.magnitude[k] : top;
    widest = sums.largest[k] > widest ? sums.largest[k] : widest;
    least = sums.least[k] < least ? sums.least[k] : least;
  }
  // A difference that is too large, infinite or NaN has a result of this kind.
  if (top < SMALL_BITS || top >= LARGE_BITS || widest >= LARGE_BITS) return 0;
  const lanes_f64 squares = __builtin_convertvector(sums.squares, lanes_f64);
  const lanes_f64 norms = __builtin_convertvector(sums.norms, lanes_f64);
  loss->squares += add_lanes(&squares);
  loss->norm_squares += add_lanes(&norms);
  const double gap = float_of((uint32_t)widest);
  loss->largest = gap > loss->largest ? gap : loss->largest;
  if (least == 0) loss->zeros += count_zeros(after, n) - count_zeros(before, n);
  return 1;
}

/// Adds the loss of any floats, with sums in float64.
static void add_loss_f32(const any_u32 *before, const any_u32 *after, size_t n, sumac_loss *loss) {
  const int32_t infinity = (int32_t)F32_INFINITY;
  lanes_f64 squares = {0}, norms = {0};
  lanes_f32 largest = {0};
  lanes_i32 infinities = {0}, zeros = {0};
  for (size_t start = 0; start < n; start += LANES) {
    lanes_i32 x = {0}, y = {0};
    if (n - start >= LANES) {
      memcpy(&x, before + start, sizeof x);
      memcpy(&y, after + start, sizeof y);
    } else {
      memcpy(&x, before + start, (n - start) * sizeof(float));
      memcpy(&y, after + start, (n - start) * sizeof(float));
    }
    const lanes_i32 old = x & INT32_MAX, new = y & INT32_MAX;
    const lanes_i32 was_finite = old < infinity;
    infinities -= was_finite & (new == infinity);
    zeros += old == 0;
    zeros -= new == 0;
    const lanes_i32 counts = was_finite & (new < infinity);
    const lanes_f32 a = (lanes_f32)(x & counts), b = (lanes_f32)(y & counts);
    const lanes_f64 wide = __builtin_convertvector(a, lanes_f64);
    const lanes_f64 difference = wide - __builtin_convertvector(b, lanes_f64);
    norms += wide * wide;
    squares += difference * difference;
    const lanes_f32 gap = (lanes_f32)((lanes_i32)(a - b) & INT32_MAX);
    largest = gap > largest ? gap : largest;
  }
  loss->squares += add_lanes(&squares);
  loss->norm_squares += add_lanes(&norms);
  for (int k = 0; k < LANES; k++) {
    loss->largest = largest[k] > loss->largest ? largest[k] : loss->largest;
    loss->infinities += (uint32_t)infinities[k];
    loss->zeros += zeros[k];
  }
}

static void add_loss_f64(const any_f64 *before, const any_f64 *after, size_t n, sumac_loss *loss) {
  const int64_t infinity = 0x7FF0000000000000;
  lanes_f64 squares = {0}, norms = {0}, largest = {0};
  lanes_i64 infinities = {0}, zeros = {0};
  for (size_t start = 0; start < n; start += LANES) {
    lanes_i64 x = {0}, y = {0};
    const size_t count = n - start < LANES ? n - start : LANES;
    memcpy(&x, before + start, count * sizeof(double));
    memcpy(&y, after + start, count * sizeof(double));
    const lanes_i64 old = x & INT64_MAX, new = y & INT64_MAX;
    const lanes_i64 was_finite = old < infinity;
    infinities -= was_finite & (new == infinity);
    zeros += old == 0;
    zeros -= new == 0;
    const lanes_i64 counts = was_finite & (new < infinity);
    const lanes_f64 a = (lanes_f64)(x & counts), b = (lanes_f64)(y & counts);
    const lanes_f64 difference = a - b;
    norms += a * a;
    squares += difference * difference;
    const lanes_f64 gap = (lanes_f64)((lanes_i64)difference & INT64_MAX);
    largest = gap > largest ? gap : largest;
  }
  loss->squares += add_lanes(&squares);
  loss->norm_squares += add_lanes(&norms);
  for (int k = 0; k < LANES; k++) {
    loss->largest = largest[k] > loss->largest ? largest[k] : loss->largest;
    loss->infinities += (uint64_t)infinities[k];
    loss->zeros += zeros[k];
  }
}

/// Returns the values of a block as F32, decoded into `room` unless they are F32.
INLINE const any_u32 *floats_of(int dtype, const uint8_t *values, any_u32 *room, size_t n) {
  if (dtype == SUMAC_F32) return (const any_u32 *)values;
  decode_exact(dtype, values, room, n);
  return room;
}

/// Returns the values of a block as F64, decoded into `room` unless they are F64.
INLINE const any_f64 *doubles_of(int dtype, const uint8_t *values, any_u32 *narrow, any_f64 *room,
                                 size_t n) {
  if (dtype == SUMAC_F64) return (const any_f64 *)values;
  f32_to_f64(floats_of(dtype, values, narrow, n), room, n);
  return room;
}

static void add_loss(int from, const void *before, int to, const void *after, size_t n,
                     sumac_loss *loss) {
  any_u32 x[BLOCK], y[BLOCK];
  any_f64 wide_x[BLOCK], wide_y[BLOCK];
  for (size_t start = 0; start < n; start += BLOCK) {
    const size_t count = n - start < BLOCK ? n - start : BLOCK;
    const uint8_t *old = (const uint8_t *)before + start / 8 * bits_per_element(from);
    const uint8_t *new = (const uint8_t *)after + start / 8 * bits_per_element(to);
    if (from == SUMAC_F64 || to == SUMAC_F64) {
      add_loss_f64(doubles_of(from, old, x, wide_x, count), doubles_of(to, new, y, wide_y, count),
                   count, loss);
    } else {
      const any_u32 *values = floats_of(from, old, x, count);
      const any_u32 *results = floats_of(to, new, y, count);
      if (!add_loss_fast(values, results, count, loss)) add_loss_f32(values, results, count, loss);
    }
  }
}
