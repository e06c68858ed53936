// Sums of powers of magnitudes in the lanes of Moments.inc.h.

/// Replaces values by their magnitudes if they are finite, otherwise by 0.
INLINE void finite_magnitudes(lanes_f32 *values) {
  const lanes_i32 magnitude = (lanes_i32)*values & INT32_MAX;
  const lanes_i32 finite = (lanes_i32)(magnitude < 0x7F800000);
  *values = (lanes_f32)(magnitude & finite);
}

/// Computes the square root in double with an error below 2^-49: a root in float, followed by one step of Newton's
/// method, whose residual is exact. This needs a quarter of the time of a square root in double.
INLINE void root_of(const lanes_f32 *of, lanes_f64 *result) {
  const lanes_f32 x = *of;
  const lanes_f32 root = __builtin_elementwise_sqrt(x);
  const lanes_i32 is_zero = (lanes_i32)(x == 0.0f);
  const lanes_f32 slope = 0.5f / (lanes_f32)((lanes_i32)root | (is_zero & 0x3F800000));
  const lanes_f64 wide = __builtin_convertvector(root, lanes_f64);
  const lanes_f64 residual = __builtin_convertvector(x, lanes_f64) - wide * wide;
  *result = wide + residual * __builtin_convertvector(slope, lanes_f64);
}

/// Computes log2(x) of positive normal doubles from the exponent and the series of artanh in (m - 1) / (m + 1) for a
/// mantissa m from sqrt(1/2) to sqrt(2).
INLINE void log2_of(lanes_f64 *x) {
  const lanes_i64 bits = (lanes_i64)*x;
  const lanes_i64 half = (lanes_i64)((bits & 0xFFFFFFFFFFFFFll) > 0x6A09E667F3BCCll);
  const lanes_i64 exponent = (bits >> 52) - 1023 - half;
  const lanes_f64 m =
      (lanes_f64)((bits & 0xFFFFFFFFFFFFFll) | (0x3FF0000000000000ll + (half & -0x10000000000000ll)));
  const lanes_f64 s = (m - 1.0) / (m + 1.0);
  const lanes_f64 t = s * s;
  lanes_f64 series = (lanes_f64){0} + 1.0 / 21;
  for (int k = 19; k > 0; k -= 2) series = series * t + 1.0 / k;
  *x = __builtin_convertvector(exponent, lanes_f64) + s * series * 0x1.71547652b82fep+1;
}

/// Computes 2^y from the nearest integer and the series of exp for the rest. The result is 0 below 2^-1022 and
/// infinity from 2^1023.5 on.
INLINE void exp2_of(lanes_f64 *of) {
  const lanes_f64 y = *of;
  const lanes_f64 limit = (lanes_f64){0} + 1024.0;
  const lanes_f64 bounded = y < limit ? (y > -1100.0 ? y : -1100.0) : limit;
  const lanes_f64 shifter = (lanes_f64){0} + 0x1.8p52;
  const lanes_f64 whole = (bounded + shifter) - shifter;
  const lanes_f64 g = (bounded - whole) * 0x1.62e42fefa39efp-1;
  static const double inverse_factorials[] = {
      1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
      1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0};
  lanes_f64 series = (lanes_f64){0};
  for (int k = 0; k < 14; k++) series = series * g + inverse_factorials[k];
  const lanes_i64 exponent = __builtin_convertvector(whole, lanes_i64) + 1023;
  const lanes_i64 in_range = (lanes_i64)(exponent > 0);
  const lanes_f64 infinity = (lanes_f64){0} + __builtin_inf();
  const lanes_f64 scale = (lanes_f64)(exponent << 52);
  const lanes_f64 value = exponent < 2047 ? series * scale : infinity;
  *of = (lanes_f64)((lanes_i64)value & in_range);
}

/// Adds x^p for magnitudes x.
INLINE void add_powers(const lanes_f32 *x, double p, lanes_f64 *sum) {
  lanes_f64 value = __builtin_convertvector(*x, lanes_f64);
  if (p == 0.5) {
    root_of(x, &value);
  } else if (p == 2.0) {
    value = value * value;
  } else if (p != 1.0) {
    const lanes_i64 positive = (lanes_i64)(value > 0.0);
    value = (lanes_f64)(((lanes_i64)value & positive) | (~positive & 0x3FF0000000000000ll));
    log2_of(&value);
    value = value * p;
    exp2_of(&value);
    value = (lanes_f64)((lanes_i64)value & positive);
  }
  *sum += value;
}

INLINE double sum_powers(const void *values, size_t n, double p) {
  const char *bytes = values;
  lanes_f64 sum = {0};
  for (size_t start = 0; start < n; start += LANES) {
    lanes_f32 x = {0};
    if (n - start >= LANES) {
      memcpy(&x, bytes + 4 * start, sizeof x);
    } else {
      memcpy(&x, bytes + 4 * start, 4 * (n - start));
    }
    finite_magnitudes(&x);
    add_powers(&x, p, &sum);
  }
  return add_lanes(&sum);
}

static double power_sum(const void *values, size_t n, double p) {
  // The calls with constants let the compiler remove the branches from the loops.
  if (p == 0.5) return sum_powers(values, n, 0.5);
  if (p == 1.0) return sum_powers(values, n, 1.0);
  if (p == 2.0) return sum_powers(values, n, 2.0);
  return sum_powers(values, n, p);
}
