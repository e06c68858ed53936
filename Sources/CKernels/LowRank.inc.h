// Skinny products with a fixed order of operations, and distances.

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
  const any_f32 *left = u, *right = v;
  for (size_t row = 0; row < rows; row++) {
    const any_f32 *factors = left + row * rank;
    any_f32 *sum = (any_f32 *)sums + row * columns;
    size_t i = 0;
    for (; i + LANES <= columns; i += LANES) {
      lanes_f32 product = {0}, x;
      for (size_t k = 0; k < rank; k++) {
        lanes_f32 y;
        memcpy(&y, right + k * stride + i, sizeof y);
        product += factors[k] * y;
      }
      memcpy(&x, sum + i, sizeof x);
      x += scale * product;
      memcpy(sum + i, &x, sizeof x);
    }
    for (; i < columns; i++) {
      float product = 0;
      for (size_t k = 0; k < rank; k++) product += factors[k] * right[k * stride + i];
      sum[i] += scale * product;
    }
  }
}

/// Returns the dot product, computed in sixteen partial sums that are added pairwise (i and i + 8, then 4, 2, 1).
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

enum { DOTS = 4 };

/// Folds each of two vectors of 16 lanes once: the result has the sums of `a` in its lower half and of `b` in its
/// upper half.
#define FOLD(a, b)                                                                                 \
  (__builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +         \
   __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))

/// Computes the sums of the lanes of four vectors, each in the order of `dot`.
INLINE void fold_four(const lanes_f32 *sums, any_f32 *out) {
  const lanes_f32 ab = FOLD(sums[0], sums[1]), cd = FOLD(sums[2], sums[3]);
  const lanes_f32 four =
      __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
      __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  typedef float lanes8 __attribute__((ext_vector_type(8)));
  typedef float lanes4 __attribute__((ext_vector_type(4)));
  const lanes8 two = __builtin_shufflevector(four, four, 0, 1, 4, 5, 8, 9, 12, 13) +
                     __builtin_shufflevector(four, four, 2, 3, 6, 7, 10, 11, 14, 15);
  const lanes4 one = __builtin_shufflevector(two, two, 0, 2, 4, 6) +
                     __builtin_shufflevector(two, two, 1, 3, 5, 7);
  memcpy(out, &one, sizeof one);
}

#undef FOLD

/// Computes the dot products of `rows` vectors, at most two, with four vectors, each in the order of `dot`.
INLINE void dot_four(const any_f32 *a, size_t rows, size_t step, const any_f32 *b, size_t stride,
                     size_t n, any_f32 *out, size_t out_step) {
  lanes_f32 sums[2][DOTS] = {{{0}}};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    lanes_f32 right[DOTS];
    for (size_t k = 0; k < DOTS; k++) memcpy(&right[k], b + k * stride + i, sizeof right[k]);
    for (size_t row = 0; row < rows; row++) {
      lanes_f32 left;
      memcpy(&left, a + row * step + i, sizeof left);
      for (size_t k = 0; k < DOTS; k++) sums[row][k] += left * right[k];
    }
  }
  if (i < n) {
    for (size_t row = 0; row < rows; row++) {
      lanes_f32 left = {0};
      memcpy(&left, a + row * step + i, (n - i) * sizeof(float));
      for (size_t k = 0; k < DOTS; k++) {
        lanes_f32 right = {0};
        memcpy(&right, b + k * stride + i, (n - i) * sizeof(float));
        // Lanes after the end stay unchanged, including the sign of a zero.
        const lanes_f32 sum = sums[row][k] + left * right;
        for (size_t j = 0; j < n - i; j++) sums[row][k][j] = sum[j];
      }
    }
  }
  for (size_t row = 0; row < rows; row++) fold_four(sums[row], out + row * out_step);
}

static void project_rows(const void *matrix, const void *v, size_t rows, size_t columns,
                         size_t rank, void *u) {
  const any_f32 *m = matrix, *right = v;
  any_f32 *out = u;
  size_t k = 0;
  for (; k + DOTS <= rank; k += DOTS) {
    const any_f32 *from = right + k * columns;
    size_t row = 0;
    for (; row + 2 <= rows; row += 2) {
      dot_four(m + row * columns, 2, columns, from, columns, columns, out + row * rank + k, rank);
    }
    if (row < rows) {
      dot_four(m + row * columns, 1, columns, from, columns, columns, out + row * rank + k, rank);
    }
  }
  for (; k < rank; k++) {
    for (size_t row = 0; row < rows; row++) {
      out[row * rank + k] = dot(m + row * columns, right + k * columns, columns);
    }
  }
}

/// Adds rows times factors to sums: `count` vectors of 16, at most four, for each of `ranks` factors, at most four.
INLINE void accumulate_block(const any_f32 *m, const any_f32 *left, size_t rows, size_t columns,
                             size_t rank, size_t ranks, size_t count, any_f32 *v) {
  lanes_f32 sums[DOTS][DOTS];
  for (size_t k = 0; k < ranks; k++) {
    for (size_t c = 0; c < count; c++) {
      memcpy(&sums[k][c], v + k * columns + c * LANES, sizeof sums[k][c]);
    }
  }
  for (size_t row = 0; row < rows; row++) {
    for (size_t c = 0; c < count; c++) {
      lanes_f32 x;
      memcpy(&x, m + row * columns + c * LANES, sizeof x);
      for (size_t k = 0; k < ranks; k++) sums[k][c] += left[row * rank + k] * x;
    }
  }
  for (size_t k = 0; k < ranks; k++) {
    for (size_t c = 0; c < count; c++) {
      memcpy(v + k * columns + c * LANES, &sums[k][c], sizeof sums[k][c]);
    }
  }
}

static void accumulate_columns(const void *matrix, const void *u, size_t rows, size_t columns,
                               size_t rank, void *v) {
  const any_f32 *m = matrix, *left = u;
  for (size_t k = 0; k < rank;) {
    const size_t ranks = rank - k >= DOTS ? DOTS : 1;
    any_f32 *sums = (any_f32 *)v + k * columns;
    size_t start = 0;
    for (; start + DOTS * LANES <= columns; start += DOTS * LANES) {
      if (ranks == DOTS) {
        accumulate_block(m + start, left + k, rows, columns, rank, DOTS, DOTS, sums + start);
      } else {
        accumulate_block(m + start, left + k, rows, columns, rank, 1, DOTS, sums + start);
      }
    }
    for (; start + LANES <= columns; start += LANES) {
      if (ranks == DOTS) {
        accumulate_block(m + start, left + k, rows, columns, rank, DOTS, 1, sums + start);
      } else {
        accumulate_block(m + start, left + k, rows, columns, rank, 1, 1, sums + start);
      }
    }
    for (size_t j = k; j < k + ranks; j++) {
      any_f32 *restrict sum = (any_f32 *)v + j * columns;
      for (size_t row = 0; row < rows; row++) {
        const float factor = left[row * rank + j];
        for (size_t i = start; i < columns; i++) sum[i] += factor * m[row * columns + i];
      }
    }
    k += ranks;
  }
}

static void orthonormalize(void *vectors, size_t count, size_t n) {
  // Modified Gram-Schmidt, applied twice, which makes the vectors orthogonal up to rounding errors.
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
    // The rest of a dependent vector consists of rounding errors and would not be orthogonal to anything.
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

static void add_weighted_distance(const void *values, const void *others, const void *weights,
                                  size_t n, sumac_distance *distance) {
  const any_f32 *a = values, *b = others, *c = weights;
  lanes_f64 squares = {0}, norms = {0};
  lanes_f32 largest = {0};
  for (size_t start = 0; start < n; start += LANES) {
    lanes_f32 x = {0}, y = {0}, w = {0};
    const size_t count = n - start < LANES ? n - start : LANES;
    if (count == LANES) {
      memcpy(&x, a + start, sizeof x);
      memcpy(&y, b + start, sizeof y);
      memcpy(&w, c + start, sizeof w);
    } else {
      memcpy(&x, a + start, count * sizeof(float));
      memcpy(&y, b + start, count * sizeof(float));
      memcpy(&w, c + start, count * sizeof(float));
    }
    const lanes_f64 wide = __builtin_convertvector(x, lanes_f64);
    const lanes_f64 weight = __builtin_convertvector(w, lanes_f64);
    const lanes_f64 difference = wide - __builtin_convertvector(y, lanes_f64);
    norms += weight * (wide * wide);
    squares += weight * (difference * difference);
    const lanes_f32 gap = (lanes_f32)((lanes_i32)(x - y) & INT32_MAX);
    largest = gap > largest ? gap : largest;
  }
  distance->squares += add_lanes(&squares);
  distance->norm_squares += add_lanes(&norms);
  for (int k = 0; k < LANES; k++) {
    distance->largest = largest[k] > distance->largest ? largest[k] : distance->largest;
  }
}

/// Clamps finite values to the largest finite magnitude of `dtype`; infinities stay infinite.
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
