#ifndef SUMAC_CKERNELS_H
#define SUMAC_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// Element types, numbered as in `.sumac` files. The numbers never change.
///
/// F4 is E2M1. F4, F6 and E8M0 are the element and scale types of the OCP Microscaling
/// Formats (MX) 1.0 specification; F8_E5M2 and F8_E4M3 those of the OCP 8-bit Floating Point
/// specification; the FNUZ types have no infinity and no negative zero, and one NaN, 0x80.
typedef enum sumac_dtype {
  SUMAC_BOOL = 0,
  SUMAC_F4 = 1,
  SUMAC_F6_E2M3 = 2,
  SUMAC_F6_E3M2 = 3,
  SUMAC_U8 = 4,
  SUMAC_I8 = 5,
  SUMAC_F8_E5M2 = 6,
  SUMAC_F8_E4M3 = 7,
  SUMAC_F8_E8M0 = 8,
  SUMAC_F8_E4M3FNUZ = 9,
  SUMAC_F8_E5M2FNUZ = 10,
  SUMAC_I16 = 11,
  SUMAC_U16 = 12,
  SUMAC_F16 = 13,
  SUMAC_BF16 = 14,
  SUMAC_I32 = 15,
  SUMAC_U32 = 16,
  SUMAC_F32 = 17,
  SUMAC_C64 = 18,
  SUMAC_F64 = 19,
  SUMAC_I64 = 20,
  SUMAC_U64 = 21,
} sumac_dtype;

/// What `convert` returns.
enum {
  SUMAC_CONVERTED = 0,
  /// The pair of dtypes is not supported; the destination is untouched.
  SUMAC_UNSUPPORTED_PAIR = -1,
  /// A NaN met a destination without NaN (F4, F6 or an integer). All of the destination is
  /// written, with 0 in the place of each NaN.
  SUMAC_NAN_NOT_REPRESENTABLE = -2,
};

/// What two lists of floats have in common.
typedef struct sumac_pair {
  /// Sums of squares of each, and of products, in the lanes of `moments_f32`.
  double squares, other_squares, product;
  /// Places where neither is 0, and those of them where the signs differ.
  uint64_t shared, opposed;
} sumac_pair;

/// Counts and power sums of a stream of floats; start with `sumac_moments_init`.
///
/// The counts cover all elements, the other fields only the finite ones.
typedef struct sumac_moments {
  uint64_t count;
  /// Zeros of either sign.
  uint64_t zeros;
  uint64_t negative_zeros;
  uint64_t nans;
  uint64_t positive_infinities;
  uint64_t negative_infinities;
  /// The least finite value, a zero always being +0; +infinity if there is none.
  double min;
  /// The greatest finite value, a zero always being +0; -infinity if there is none.
  double max;
  /// The greatest magnitude; 0 if there is no finite value.
  double max_abs;
  double sum;
  double sum_abs;
  double sum_squares;
} sumac_moments;

/// Makes `moments` those of no elements.
void sumac_moments_init(sumac_moments *moments);

/// How quantization groups lie in a chunk of a tensor.
///
/// Element e of the chunk stands at `offset + e` of the blocks one behind the other, each of `block`
/// elements: all positions of the grouped axis and of the axes behind it. In a block, `group`
/// consecutive elements (fewer at its end) form a group for each of `inner` positions of the axes
/// behind; a portion is what a chunk has of these, and has min(its length, `inner`) cells, one for
/// each scale. Element i of a portion belongs to its cell i mod `inner`.
typedef struct sumac_grouping {
  size_t block;
  size_t group;
  size_t inner;
  size_t offset;
} sumac_grouping;

/// What zero points are: none (the middle code is zero), codes, or floats that are added.
enum {
  SUMAC_ZERO_SYMMETRIC = 0,
  SUMAC_ZERO_INTEGER = 1,
  SUMAC_ZERO_FLOAT = 2,
};

/// How far values are from others, and how large they are: sums of squares, and the largest distance.
typedef struct sumac_distance {
  double squares;
  double norm_squares;
  float largest;
} sumac_distance;

/// How well groups of M values fit the pattern "at most N are not zero".
typedef struct sumac_pattern_fit {
  uint64_t groups;
  /// Groups with at most N values that are not zero.
  uint64_t fitting;
  /// The sum of squares of the N largest of each group.
  double kept_squares;
} sumac_pattern_fit;

/// The loops of this library, compiled for one CPU level.
///
/// All levels give equal bits for equal input. Pointers need no alignment; a pointer may be null
/// where the count is 0; sources and destinations must not overlap. Functions keep no state and
/// may run in any number of threads. The floating-point environment must be the default one
/// (round to nearest, subnormals kept).
typedef struct sumac_kernels {
  /// `baseline`, `avx2` or `avx512`.
  const char *level;

  /// Converts `n` elements of `src_dtype` at `src` to `dst_dtype` at `dst` and returns
  /// `SUMAC_CONVERTED`, `SUMAC_UNSUPPORTED_PAIR` or `SUMAC_NAN_NOT_REPRESENTABLE`.
  ///
  /// Any pair but C64 with another dtype is supported. Equal dtypes copy bytes, whatever
  /// `saturate` says.
  ///
  /// - Packing: F4 holds two elements a byte, low nibble first; F6 four elements in three bytes,
  ///   a little-endian bit stream. A tail that does not end on a byte is filled with zero bits.
  /// - Rounding to a float dtype: once, from the exact value, to nearest, ties to even
  ///   (IEEE 754 roundTiesToEven), also from F64, I64 and U64. E8M0: the magnitude's exponent,
  ///   plus one if its fraction is at least one half; the sign is ignored, so is zero, which
  ///   becomes 2^-127; from 2^-127 (exclusive) to 2^-126 it rounds up. This is what PyTorch does.
  /// - Overflow (after rounding) and infinity, `saturate` being 0: infinity in F64, F32, F16,
  ///   BF16 and F8_E5M2; the largest finite value of that sign in F8_E4M3, F4 and F6; NaN in the
  ///   FNUZ dtypes and E8M0. If `saturate` is not 0: the largest finite value of that sign.
  /// - NaN to F64, F32, F16: sign and the payload's leading bits are kept, the quiet bit is set.
  ///   To BF16: 0xFFFF. To F8_E5M2 and F8_E4M3: 0x7F with the sign. To FNUZ: 0x80. To E8M0: 0xFF.
  ///   NaN of FNUZ and E8M0 read as F32 0x7F800001, of F8_E4M3 as 0x7FF00000 with the sign; BF16
  ///   to F32 keeps all bits. These are the patterns of PyTorch's casts.
  /// - Float to integer: toward zero, saturating; NaN gives 0 and `SUMAC_NAN_NOT_REPRESENTABLE`.
  ///   Integer to integer: saturating.
  /// - BOOL: any element that is not zero (NaN included) becomes 1; any byte but 0 is read as 1.
  int (*convert)(int src_dtype, int dst_dtype, const void *_Nullable src, void *_Nullable dst,
                 size_t n, int saturate);

  /// Splits `n` words of `width` bytes (2, 4 or 8) into byte planes: byte k of each word, k = 0
  /// being the least significant, goes to `dst + k * n`. If `rotate` is not 0, each word is first
  /// rotated left by one bit, which moves a float's sign to bit 0 and its exponent to the top.
  void (*split_planes)(size_t width, int rotate, const void *_Nullable src, void *_Nullable dst,
                       size_t n);

  /// The inverse of `split_planes`: `planes[k]`, k < `width`, holds byte k of each word.
  void (*join_planes)(size_t width, int rotate, const void *_Nullable const *_Nonnull planes,
                      void *_Nullable dst, size_t n);

  /// Adds `n` values of F32 to `moments`.
  ///
  /// Element i of the call goes to lane i mod 16 of each sum; the lanes are added pairwise
  /// (l and l + 8, then 4, 2, 1) at the end of the call and the result is added to `moments`.
  /// Products are exact in double for F32.
  void (*moments_f32)(const void *_Nullable values, size_t n, sumac_moments *moments);

  /// Adds `n` values of F64 to `moments`, as `moments_f32` does; sums may overflow to infinity.
  void (*moments_f64)(const void *_Nullable values, size_t n, sumac_moments *moments);

  /// The sum of squared distances from `mean` of the finite ones of `n` values of F32, in the lanes
  /// of `moments_f32`: with the mean of the same values, a variance without cancellation.
  double (*central_squares_f32)(const void *_Nullable values, size_t n, double mean);

  /// The same of F64; the sum may overflow to infinity.
  double (*central_squares_f64)(const void *_Nullable values, size_t n, double mean);

  /// XXH64 of `n` bytes (xxHash fast digest algorithm specification).
  uint64_t (*xxh64)(const void *_Nullable bytes, size_t n, uint64_t seed);

  /// 1 if all of `n` bytes are 0, otherwise 0; 1 if there are none.
  int (*all_zero)(const void *_Nullable bytes, size_t n);

  /// The index of the first byte at which `a` and `b` differ, or `n` if none of `n` does.
  uint64_t (*first_difference)(const void *_Nullable a, const void *_Nullable b, size_t n);

  // Codes and groups. Values are F32, codes one a byte, cells those of `grouping`.

  /// The least and greatest value of each cell. Values are not NaN; -0 is below +0.
  void (*group_ranges)(const void *_Nullable values, size_t n, const sumac_grouping *grouping,
                       void *_Nullable lows, void *_Nullable highs);

  /// The index of the first NaN or infinity of values in F16, BF16 or F32, or `n`.
  uint64_t (*first_not_finite)(const void *_Nullable values, int dtype, size_t n);

  /// Scales, rounded to `scale_dtype` and written as F32, and zero points as F32: the middle code
  /// (symmetric), a code (integer; the range is widened to hold 0), or the least value rounded to
  /// `scale_dtype` (float).
  void (*affine_scales)(const void *_Nullable lows, const void *_Nullable highs, size_t cells,
                        int bits, int zero, int scale_dtype, void *_Nullable scales,
                        void *_Nullable zeros);

  /// The scale to store for each cell, as F32: the greatest magnitude over `limit` and `global`,
  /// rounded to `scale_dtype` (F32, F16, BF16 or F8_E4M3, which saturates); for F8_E8M0 the greatest
  /// power of two up to the magnitude, over 2^`largest_exponent`.
  void (*element_scales)(const void *_Nullable lows, const void *_Nullable highs, size_t cells,
                         int scale_dtype, float limit, int largest_exponent, float global,
                         void *_Nullable scales);

  /// round((value - bias) / scale) + zero, ties to even, kept inside the codes of `bits` bits; of
  /// symmetric codes the lowest is not used. A scale of 0 gives the zero point.
  void (*affine_encode)(const void *_Nullable values, size_t n, const sumac_grouping *grouping,
                        const void *_Nullable scales, const void *_Nullable zeros, int bits,
                        int zero, void *_Nullable codes);

  /// (code - zero) * scale, or code * scale + zero where zero points are floats; then each of the two
  /// operations is rounded to `steps_dtype` (F32, F16 or BF16).
  void (*affine_decode)(const void *_Nullable codes, size_t n, const sumac_grouping *grouping,
                        const void *_Nullable scales, const void *_Nullable zeros, int zero,
                        int steps_dtype, void *_Nullable values);

  /// Each value times its scale, or divided by it if `divides` is not 0 (0 where the scale is 0 or
  /// less). `source` may be `target`.
  void (*scale_groups)(const void *_Nullable source, size_t n, const sumac_grouping *grouping,
                       const void *_Nullable scales, int divides, void *_Nullable target);

  /// Codes of `bits` bits, 1 to 8, to a little-endian bit stream, the rest of whose last byte is 0.
  void (*pack_codes)(const void *_Nullable codes, void *_Nullable stream, size_t n, int bits);
  void (*unpack_codes)(const void *_Nullable stream, void *_Nullable codes, size_t n, int bits);

  /// The greatest of `n` bytes; 0 if there are none.
  int (*highest_code)(const void *_Nullable codes, size_t n);

  /// The entry of `table` (F32) for each code, which must be inside it.
  void (*table_decode)(const void *_Nullable codes, size_t n, const void *table,
                       void *_Nullable values);

  /// The nearest of 1 to 256 ascending entries; the lower of two as near.
  void (*table_encode)(const void *_Nullable values, size_t n, const void *table, size_t entries,
                       void *_Nullable codes);

  /// `count` blocks of 32 values of a ggml type: 2 (Q4_0), 3 (Q4_1), 6 (Q5_0), 7 (Q5_1) or 8 (Q8_0),
  /// to F32 and from it. Scales that F16 cannot hold become infinite.
  void (*ggml_decode)(int type, const void *_Nullable blocks, size_t count,
                      void *_Nullable values);
  void (*ggml_encode)(int type, const void *_Nullable values, size_t count,
                      void *_Nullable blocks);

  // Sparse values. A mask has a bit an element, the first in the lowest bit of the first byte; bits
  // behind the last element are ignored where it is read and 0 where it is written. Widths are 1, 2,
  // 4 and 8 bytes.

  /// values ^= others, `n` bytes.
  void (*exclusive_or)(void *_Nullable values, const void *_Nullable others, size_t n);

  /// Sets the bit of each element that is not all zero bits; returns how many there are.
  uint64_t (*nonzero_mask)(const void *_Nullable values, size_t width, size_t n,
                           void *_Nullable mask);
  uint64_t (*mask_count)(const void *_Nullable mask, size_t n);

  /// The elements whose bit is set, one behind the other.
  void (*gather)(const void *_Nullable values, size_t width, size_t n, const void *_Nullable mask,
                 void *_Nullable packed);

  /// Packed elements to the places whose bits are set, and zero to all others.
  void (*scatter)(const void *_Nullable packed, size_t width, size_t n,
                  const void *_Nullable mask, void *_Nullable values);

  /// Packed elements in place of those whose bits are set.
  void (*replace_masked)(const void *_Nullable packed, size_t width, size_t n,
                         const void *_Nullable mask, void *_Nullable values);

  /// Packed F32 or F64 added to those whose bits are set.
  void (*add_masked)(const void *_Nullable packed, int dtype, size_t n,
                     const void *_Nullable mask, void *_Nullable values);

  /// A byte for each set bit: how many elements lie between it and the one before (or the start);
  /// each 255 of that distance is a byte 255 of its own. Returns the number of bytes.
  uint64_t (*gap8_encode)(const void *_Nullable mask, size_t n, void *_Nullable gaps);

  /// The mask of a stream of gaps; 0 if it does not name exactly `count` places below `n`.
  int (*gap8_mask)(const void *_Nullable gaps, size_t length, size_t count, size_t n,
                   void *_Nullable mask);

  /// `scatter` by a stream of gaps; 0 as above.
  int (*gap8_scatter)(const void *_Nullable gaps, size_t length, const void *_Nullable packed,
                      size_t count, size_t width, size_t n, void *_Nullable values);

  /// Adds to `counts`, of F32 magnitudes: at level 0 how many there are of each value of their upper 16
  /// bits (65,536 counters); at level 1, of those whose upper bits are `prefix`, of each value of
  /// the lower 15 (32,768 counters).
  void (*magnitude_histogram)(const void *_Nullable values, size_t n, int level, uint32_t prefix,
                              uint64_t *counts);

  /// Sets the bits of all F32 values whose magnitude, as bits, is over `threshold`, and of the first
  /// `ties` that equal it; returns how many there are.
  uint64_t (*largest_mask)(const void *_Nullable values, size_t n, uint32_t threshold,
                           uint64_t ties, void *_Nullable mask);

  // Matrices of F32, row by row. Every sum has one order, whatever the level.

  /// sums[i][j] += scale * (u[i][0] * v[0][j] + u[i][1] * v[1][j] + ...), the products added from
  /// the first on to 0; each operation is rounded. u is rows x rank, v rank x columns, its rows
  /// `stride` values apart.
  void (*low_rank_add)(const void *_Nullable u, const void *_Nullable v, size_t stride,
                       size_t rows, size_t columns, size_t rank, float scale,
                       void *_Nullable sums);

  /// Adds `n` values of F32 or F64 to as many sums.
  void (*add_values)(const void *_Nullable values, int dtype, size_t n, void *_Nullable sums);

  /// u[i][k] = sum over j of matrix[i][j] * v[k][j], in 16 lanes added pairwise.
  void (*project_rows)(const void *_Nullable matrix, const void *_Nullable v, size_t rows,
                       size_t columns, size_t rank, void *_Nullable u);

  /// v[k][j] += u[0][k] * matrix[0][j], then row 1, and so on.
  void (*accumulate_columns)(const void *_Nullable matrix, const void *_Nullable u, size_t rows,
                             size_t columns, size_t rank, void *_Nullable v);

  /// Makes `count` vectors of `n` values orthonormal, in order; one that depends on those before it
  /// becomes 0.
  void (*orthonormalize)(void *_Nullable vectors, size_t count, size_t n);

  /// Adds the distance of `values` from `others` to `distance`, in the lanes of `moments_f32`.
  void (*add_distance)(const void *_Nullable values, const void *_Nullable others, size_t n,
                       sumac_distance *distance);

  /// F32 values; finite ones beyond the largest of `dtype` become it. `source` is not `target`.
  void (*clamp_finite)(const void *_Nullable source, size_t n, int dtype, void *_Nullable target);

  // Statistics and pruning, of F32 values.

  /// The sum of |x|^p over the finite ones of `n` values, p above 0, in the lanes of `moments_f32`.
  /// Powers are right to about 1e-14 (exact for p of 1 and 2, to 2^-49 for 1/2).
  double (*power_sum)(const void *_Nullable values, size_t n, double p);

  /// Makes a NaN of each value whose bit is set if `marked`, else of each whose bit is not, so that sums
  /// leave it out.
  void (*exclude)(void *_Nullable values, size_t n, const void *_Nullable mask, int marked);

  /// Makes 0 of each element of `width` bytes (1, 2, 4 or 8) whose bit is not set.
  void (*clear_unmasked)(void *_Nullable values, size_t width, size_t n,
                         const void *_Nullable mask);

  /// Adds to `counts`, for each value of the upper 16 bits of magnitudes, 2^36 and the lower 15 bits of
  /// each such magnitude: with up to 2^21 values, how many there are and what their lower bits sum to.
  void (*survey_histogram)(const void *_Nullable values, size_t n, uint64_t *counts);

  /// `slots` has a byte for each value of the upper 16 bits of magnitudes: a slot, or 255. For each
  /// value with a slot, in order, writes slot * 2^15 + its lower 15 bits to `found` (room for `n`
  /// and one more words of 32 bits) and returns how many there are. Adds to each of two `squares`,
  /// in lanes, the squares of finite values whose upper bits are over that of two `above`.
  uint64_t (*collect_slots)(const void *_Nullable values, size_t n, const void *slots,
                            const uint32_t *above, void *_Nullable found, double *squares);

  /// The magnitude, as bits, of `rank` (from 0) of `n` values in ascending order; `rank` is below `n`,
  /// and `scratch` has room for them.
  uint32_t (*select_rank)(const void *_Nullable values, size_t n, size_t rank,
                          void *_Nullable scratch);

  /// Raises each of `columns` peaks to the greatest finite magnitude of its column.
  void (*column_peaks)(const void *_Nullable values, size_t rows, size_t columns,
                       void *_Nullable peaks);

  /// Sets the bits of the `keep` largest magnitudes of each `group` values, the first of equal ones;
  /// the last group may be short. NaN counts as larger than infinity.
  void (*pattern_mask)(const void *_Nullable values, size_t n, size_t keep, size_t group,
                       void *_Nullable mask);

  /// Adds the groups of `n` values to `fit`.
  void (*pattern_fit)(const void *_Nullable values, size_t n, size_t keep, size_t group,
                      sumac_pattern_fit *fit);

  // Differences of models, of F32 values.

  /// The place of the first NaN, or `n`.
  size_t (*first_nan)(const void *_Nullable values, size_t n);

  /// Adds to two `counts` how many values have a magnitude, as bits, and how many a larger one.
  void (*count_magnitude)(const void *_Nullable values, size_t n, uint32_t magnitude,
                          uint64_t *counts);

  /// For each value whose magnitude has these upper 16 bits, in order, writes its lower 15 bits times 2^32
  /// plus its place to `found` (room for `n` of 64 bits) and returns how many there are. `n` is below 2^32.
  uint64_t (*collect_places)(const void *_Nullable values, size_t n, uint32_t upper,
                             void *_Nullable found);

  /// differences = values - others; `differences` may be `values`.
  void (*subtract)(const void *_Nullable values, const void *_Nullable others, size_t n,
                   void *_Nullable differences);

  /// sums = weight * values if `is_first`, else sums += weight * values.
  void (*add_scaled)(void *_Nullable sums, const void *_Nullable values, size_t n, float weight,
                     int is_first);

  /// values *= factor, of F32 or F64.
  void (*scale_values)(void *_Nullable values, int dtype, size_t n, float factor);

  /// values /= divisor.
  void (*divide)(void *_Nullable values, size_t n, float divisor);

  /// Makes 0 of each value whose magnitude, as bits, is not between `low` and `high`; those that equal
  /// `low` stay in the first `low_end` places only, those that equal `high` in the first `high_end`.
  /// Bounds are below 2^32 - 1.
  void (*keep_range)(void *_Nullable values, size_t n, uint32_t low, size_t low_end, uint32_t high,
                     size_t high_end);

  /// The uniforms of `n` counters from `start` on: multiples of 2^-24 from Philox4x32-10 with `key`, the
  /// upper 64 bits of a counter being `stream`.
  void (*uniforms)(uint64_t key, uint64_t start, uint64_t stream, size_t n,
                   void *_Nullable values);

  /// Makes 0 of each value whose uniform, times 2^24, is not below `bound`.
  void (*keep_random)(void *_Nullable values, size_t n, uint64_t key, uint64_t start,
                      uint64_t stream, uint32_t bound);

  /// Makes 0 of each value whose uniform is not below the chance of its rank in its row: from `least` for
  /// the smallest magnitude to `most` for the largest, even steps between; of equal magnitudes the first
  /// ranks highest. A row of one value has the mean of both. Rows have less than 2^32 values;
  /// `scratch` holds 16 bytes for each column.
  void (*keep_ranked)(void *_Nullable values, size_t rows, size_t columns, double least,
                      double most, uint64_t key, uint64_t start, uint64_t stream,
                      void *_Nullable scratch);

  /// base += lambda * D, where D is the sum of e[k] = delta[k] * factor[k] * weight[k], `stride` values
  /// lying between the deltas of one element. If `elects`, only those e[k] count whose sign is that of
  /// their sum, positive if that is 0. If `normalizes`, D is divided by the sum of the weights that
  /// count: 1 if that is 0, or without election below 1e-8.
  void (*add_task_vectors)(void *_Nullable base, const void *_Nullable deltas, size_t stride,
                           const float *factors, const float *weights, size_t vectors, size_t n,
                           int elects, int normalizes, float lambda);

  /// Adds what two lists of values have in common to `pair`.
  void (*compare_pair)(const void *_Nullable values, const void *_Nullable others, size_t n,
                       sumac_pair *pair);

  /// Sets the bits of the `k` least and the `k` greatest finite values of each row, or of each column; of
  /// equal ones the first. `scratch` holds four rows and 19 values, or 19 columns and 275, of four bytes
  /// each; rows and columns have less than 2^32 values.
  void (*mark_extremes)(const void *_Nullable values, size_t rows, size_t columns,
                        int along_columns, size_t k, void *_Nullable mask,
                        void *_Nullable scratch);

  /// The least and greatest value of each cell, NaN passed over; 0 and 0 if there is no other.
  void (*kept_ranges)(const void *_Nullable values, size_t n, const sumac_grouping *grouping,
                      void *_Nullable lows, void *_Nullable highs);

  /// Scales and zeros of `scale_dtype` (F16 or F32), as F32, with which `steps` codes above 0 cover each
  /// range: zeros are rounded down and scales up, so that no value lies outside.
  void (*range_pairs)(const void *_Nullable lows, const void *_Nullable highs, size_t cells,
                      float steps, int scale_dtype, void *_Nullable scales,
                      void *_Nullable zeros);
} sumac_kernels;

/// How many levels this machine can run: at least 1.
size_t sumac_kernels_count(void);

/// Level `index` in ascending order, `baseline` being 0; requires `index < sumac_kernels_count()`.
const sumac_kernels *sumac_kernels_at(size_t index);

/// The highest level that this machine can run.
const sumac_kernels *sumac_kernels_best(void);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif

#endif
