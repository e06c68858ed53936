// Skinny products in a fixed order of operations, and distances.

enum { COLUMN_BLOCK = 512 };

static void add_values(const void *values, int dtype, size_t n, void *sums) {
  if (dtype == SUMAC_F64) {
    const any_f64 *restrict from = values;
    any_f64 *restrict to = sums;
    for (size_t i = 0; i < n; i++) to[i] += from[i];
  } else {
    const any_f32 *restrict from = values;
    any_f32 *restrict to = sums;
    for (size_t i = 0; i < n; i++) to[i] += from[i];
  }
}

static void low_rank_add(const void *u, const void *v, size_t stride, size_t rows, size_t columns,
                         size_t rank, float scale, void *sums) {
  const any_f32 *left = u;
  for (size_t start = 0; start < columns; start += COLUMN_BLOCK) {
    const size_t count = columns - start < COLUMN_BLOCK ? columns - start : COLUMN_BLOCK;
    for (size_t row = 0; row < rows; row++) {
      float products[COLUMN_BLOCK] = {0};
      for (size_t k = 0; k < rank; k++) {
        const any_f32 *right = (const any_f32 *)v + k * stride + start;
        const float factor = left[row * rank + k];
        for (size_t i = 0; i < count; i++) products[i] += factor * right[i];
      }
      any_f32 *sum = (any_f32 *)sums + row * columns + start;
      for (size_t i = 0; i < count; i++) sum[i] += scale * products[i];
    }
  }
}

/// Sixteen partial sums, added pairwise (i and i + 8, then 4, 2, 1).
INLINE float dot(const any_f32 *a, const any_f32 *b, size_t n) {
  float lanes[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (size_t k = 0; k < 16; k++) lanes[k] += a[i + k] * b[i + k];
  }
  for (size_t k = 0; i < n; i++, k++) lanes[k] += a[i] * b[i];
  for (int width = 8; width > 0; width /= 2) {
    for (int k = 0; k < width; k++) lanes[k] += lanes[k + width];
  }
  return lanes[0];
}

/// Four dots of one vector at once, each in the order of `dot`.
INLINE void dot_four(const any_f32 *a, const any_f32 *b, size_t stride, size_t n, any_f32 *out) {
  float lanes[4][16] = {{0}};
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (size_t row = 0; row < 4; row++) {
      for (size_t k = 0; k < 16; k++) lanes[row][k] += a[i + k] * b[row * stride + i + k];
    }
  }
  for (size_t row = 0; row < 4; row++) {
    for (size_t j = i, k = 0; j < n; j++, k++) lanes[row][k] += a[j] * b[row * stride + j];
    for (int width = 8; width > 0; width /= 2) {
      for (int k = 0; k < width; k++) lanes[row][k] += lanes[row][k + width];
    }
    out[row] = lanes[row][0];
  }
}

static void project_rows(const void *matrix, const void *v, size_t rows, size_t columns,
                         size_t rank, void *u) {
  const any_f32 *m = matrix, *right = v;
  any_f32 *out = u;
  for (size_t row = 0; row < rows; row++) {
    size_t k = 0;
    for (; k + 4 <= rank; k += 4) {
      dot_four(m + row * columns, right + k * columns, columns, columns, out + row * rank + k);
    }
    for (; k < rank; k++) {
      out[row * rank + k] = dot(m + row * columns, right + k * columns, columns);
    }
  }
}

static void accumulate_columns(const void *matrix, const void *u, size_t rows, size_t columns,
                               size_t rank, void *v) {
  const any_f32 *m = matrix, *left = u;
  for (size_t start = 0; start < columns; start += COLUMN_BLOCK) {
    const size_t count = columns - start < COLUMN_BLOCK ? columns - start : COLUMN_BLOCK;
    for (size_t k = 0; k < rank; k++) {
      any_f32 *restrict sum = (any_f32 *)v + k * columns + start;
      for (size_t row = 0; row < rows; row++) {
        const float factor = left[row * rank + k];
        const any_f32 *from = m + row * columns + start;
        for (size_t i = 0; i < count; i++) sum[i] += factor * from[i];
      }
    }
  }
}

static void orthonormalize(void *vectors, size_t count, size_t n) {
  // Modified Gram-Schmidt, done twice, which leaves orthogonality at the level of rounding.
  for (size_t k = 0; k < count; k++) {
    any_f32 *x = (any_f32 *)vectors + k * n;
    const float before = dot(x, x, n);
    for (int round = 0; round < 2; round++) {
      for (size_t j = 0; j < k; j++) {
        const any_f32 *y = (const any_f32 *)vectors + j * n;
        const float share = dot(x, y, n);
        for (size_t i = 0; i < n; i++) x[i] -= share * y[i];
      }
    }
    const float square = dot(x, x, n);
    // What is left of a dependent vector is rounding, and would not be orthogonal to anything.
    const float norm = square > before * 0x1p-40f ? __builtin_sqrtf(square) : 0;
    for (size_t i = 0; i < n; i++) x[i] = norm > 0 ? x[i] / norm : 0;
  }
}

static void add_distance(const void *values, const void *others, size_t n,
                         sumac_distance *distance) {
  const any_f32 *a = values, *b = others;
  lanes_f64 squares = {0}, norms = {0};
  lanes_f32 largest = {0};
  for (size_t start = 0; start < n; start += LANES) {
    lanes_f32 x = {0}, y = {0};
    const size_t count = n - start < LANES ? n - start : LANES;
    if (count == LANES) {
      memcpy(&x, a + start, sizeof x);
      memcpy(&y, b + start, sizeof y);
    } else {
      memcpy(&x, a + start, count * sizeof(float));
      memcpy(&y, b + start, count * sizeof(float));
    }
    const lanes_f64 wide = __builtin_convertvector(x, lanes_f64);
    const lanes_f64 difference = wide - __builtin_convertvector(y, lanes_f64);
    norms += wide * wide;
    squares += difference * difference;
    const lanes_f32 gap = (lanes_f32)((lanes_i32)(x - y) & INT32_MAX);
    largest = gap > largest ? gap : largest;
  }
  distance->squares += add_lanes(&squares);
  distance->norm_squares += add_lanes(&norms);
  for (int k = 0; k < LANES; k++) {
    distance->largest = largest[k] > distance->largest ? largest[k] : distance->largest;
  }
}

/// Finite values beyond the largest of `dtype` become it; what is infinite stays so.
static void clamp_finite(const void *source, size_t n, int dtype, void *target) {
  const any_u32 *restrict from = source;
  any_u32 *restrict to = target;
  const uint32_t limit = largest_finite(dtype);
  for (size_t i = 0; i < n; i++) {
    const uint32_t magnitude = from[i] & F32_MAGNITUDE;
    const uint32_t kept = magnitude > limit && magnitude < F32_INFINITY ? limit : magnitude;
    to[i] = kept | (from[i] & ~F32_MAGNITUDE);
  }
}
