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
/// F4 is E2M1. F4, F6 and E8M0 are the element and scale types of the OCP Microscaling Formats (MX) 1.0
/// specification. F8_E5M2 and F8_E4M3 are those of the OCP 8-bit Floating Point specification. The FNUZ types have
/// no infinity, no negative zero, and one NaN, 0x80.
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

/// Features of the processor that the operating system supports as well; the bits of `sumac_processor_features`.
enum {
  SUMAC_SSE3 = 1 << 0,
  SUMAC_SSSE3 = 1 << 1,
  SUMAC_SSE4_1 = 1 << 2,
  SUMAC_SSE4_2 = 1 << 3,
  SUMAC_SSE4A = 1 << 4,
  SUMAC_AVX = 1 << 5,
  SUMAC_FMA4 = 1 << 6,
  SUMAC_FMA = 1 << 7,
  SUMAC_AVX2 = 1 << 8,
  /// AVX-512 F, CD, BW, DQ and VL.
  SUMAC_AVX512 = 1 << 9,
  SUMAC_AVX512_VNNI = 1 << 10,
  SUMAC_AVX512_BF16 = 1 << 11,
  SUMAC_AVX512_FP16 = 1 << 12,
};

/// Returns the features of this processor; 0 on processors other than x86-64.
unsigned sumac_processor_features(void);

/// The results of `convert`.
enum {
  SUMAC_CONVERTED = 0,
  /// The pair of dtypes is not supported; the destination is untouched.
  SUMAC_UNSUPPORTED_PAIR = -1,
  /// A NaN was converted to a dtype without NaN (F4, F6 or an integer). The whole destination is written, with 0 for
  /// each NaN.
  SUMAC_NAN_NOT_REPRESENTABLE = -2,
};

/// Statistics of two lists of floats.
typedef struct sumac_pair {
  /// The sums of the squares of each list and of the products, in the lanes of `moments_f32`.
  double squares, other_squares, product;
  /// The number of positions at which neither value is 0, and the number of these at which the signs differ.
  uint64_t shared, opposed;
} sumac_pair;

/// Counts and power sums of a stream of floats. Initialize it with `sumac_moments_init`.
///
/// The counts cover all elements; the other fields cover only finite elements.
typedef struct sumac_moments {
  uint64_t count;
  /// The number of zeros of either sign.
  uint64_t zeros;
  uint64_t negative_zeros;
  uint64_t nans;
  uint64_t positive_infinities;
  uint64_t negative_infinities;
  /// The smallest finite value, where a zero is always +0; +infinity if there is none.
  double min;
  /// The largest finite value, where a zero is always +0; -infinity if there is none.
  double max;
  /// The largest magnitude; 0 if there is no finite value.
  double max_abs;
  double sum;
  double sum_abs;
  double sum_squares;
} sumac_moments;

/// Initializes `moments` to the moments of no elements.
void sumac_moments_init(sumac_moments *moments);

/// The bytes of a block of elements that sparse rows compute together.
enum { SUMAC_ROW_BLOCK_BYTES = 256 };

/// The layout of images in planes with zeros around them.
///
/// Values are images `[images, channels, height, width]`. A channel has a plane for each pair of remainders by the stride:
/// value (y, x) of an image is at place ((y + padding) / stride, (x + padding) / stride) of the plane of the remainders of
/// y + padding and x + padding; places outside are left out.
/// Place (r, c) of image i is element `lead` + (i * rows + r) * pitch + c of its plane. Planes are `channel_pitch` values
/// apart.
typedef struct sumac_planes {
  size_t images, channels, height, width;
  size_t stride, padding;
  size_t pitch, rows, lead, channel_pitch;
} sumac_planes;

/// A channel of images: `size` values of each image, `pitch` values from one image to the next.
typedef struct sumac_channel {
  size_t images, pitch, size;
} sumac_channel;

/// The numbers of a normalization and of its derivative.
typedef struct sumac_normalization {
  double mean, factor, scale, shift;
  double offset, share;
} sumac_normalization;

/// The windows of an image `[channels, height, width]`: the window of place (r, c) of the output starts at row r * stride -
/// padding and column c * stride - padding of the image, which is surrounded by zeros.
typedef struct sumac_windows {
  size_t channels, height, width;
  size_t kernel_height, kernel_width;
  size_t stride_height, stride_width;
  size_t padding_height, padding_width;
  size_t output_height, output_width;
} sumac_windows;

/// The layout of quantization groups in a chunk of a tensor.
///
/// Blocks of `block` elements follow each other; a block contains all positions of the grouped axis and of the inner
/// axes. Element e of the chunk is at index `offset + e` of this sequence. In a block, `group` consecutive elements
/// (fewer at its end) form one group for each of the `inner` positions of the inner axes. The part of these elements
/// that is in the chunk is a portion. It has min(its length, `inner`) cells, one for each scale. Element i of a
/// portion belongs to cell i mod `inner` of the portion.
typedef struct sumac_grouping {
  size_t block;
  size_t group;
  size_t inner;
  size_t offset;
} sumac_grouping;

/// The kinds of zero points: none (the middle code is zero), codes, or floats that are added.
enum {
  SUMAC_ZERO_SYMMETRIC = 0,
  SUMAC_ZERO_INTEGER = 1,
  SUMAC_ZERO_FLOAT = 2,
};

/// The distance of values from other values and the size of the values: sums of squares, and the largest distance.
typedef struct sumac_distance {
  double squares;
  double norm_squares;
  float largest;
} sumac_distance;

/// The difference between values and the values that were made of them.
typedef struct sumac_loss {
  /// The sums of the squared differences, and of the squared values, over the values that are finite before and after.
  double squares, norm_squares;
  /// The largest of these differences.
  double largest;
  /// The number of finite values that became infinite.
  uint64_t infinities;
  /// The number of zeros after, less that before.
  int64_t zeros;
} sumac_loss;

/// The sums that describe how values differ from other values. All add up over pieces.
typedef struct sumac_difference {
  /// The number of values that are not equal. NaN equals NaN, and +0 equals -0.
  uint64_t changed;
  /// The number of changed pairs with at least one NaN or infinite value.
  uint64_t unlike;
  /// The number of pairs of finite values; the sums cover these alone.
  uint64_t finite;
  uint64_t zeros_before, zeros_after;
  uint64_t nans_before, nans_after;
  uint64_t infinities_before, infinities_after;
  /// The sums of the squared differences, of the squared values on each side, and of the products.
  double squares, norm_before, norm_after, product;
  /// The largest magnitude of a difference.
  double largest;
} sumac_difference;

/// The fit of groups of M values to the pattern "at most N values are not zero".
typedef struct sumac_pattern_fit {
  uint64_t groups;
  /// The number of groups with at most N values that are not zero.
  uint64_t fitting;
  /// The sum of the squares of the N largest magnitudes of each group.
  double kept_squares;
} sumac_pattern_fit;

/// The kernels of this library, compiled for one CPU level.
///
/// All levels return identical bits for identical input. Pointers need no alignment. A pointer may be null if the
/// count is 0. Sources and destinations must not overlap unless stated otherwise. The functions keep no state and may
/// be called from any number of threads. The floating-point environment must be the default one (round to nearest,
/// subnormals kept).
typedef struct sumac_kernels {
  /// The name of the level: `baseline`, `avx2` or `avx512`.
  const char *level;

  /// Converts `n` elements of `src_dtype` at `src` to `dst_dtype` at `dst` and returns
  /// `SUMAC_CONVERTED`, `SUMAC_UNSUPPORTED_PAIR` or `SUMAC_NAN_NOT_REPRESENTABLE`.
  ///
  /// All pairs of dtypes are supported except C64 with another dtype. Between equal dtypes, bytes are copied,
  /// independently of `saturate`.
  ///
  /// - Packing: F4 stores two elements per byte, low nibble first; F6 stores four elements in three bytes, as a
  ///   little-endian bit stream. A tail that does not end on a byte boundary is padded with zero bits.
  /// - Rounding to a float dtype: once, from the exact value, to nearest, ties to even (IEEE 754 roundTiesToEven);
  ///   this includes F64, I64 and U64 sources. E8M0: the exponent of the magnitude, plus one if its fraction is at
  ///   least one half. The sign is ignored, and zero becomes 2^-127. From 2^-127 (exclusive) to 2^-126 it rounds up.
  ///   This matches PyTorch.
  /// - Overflow (after rounding) and infinity, if `saturate` is 0: infinity in F64, F32, F16, BF16 and F8_E5M2; the
  ///   largest finite value of that sign in F8_E4M3, F4 and F6; NaN in the FNUZ dtypes and E8M0. If `saturate` is not
  ///   0: the largest finite value of that sign.
  /// - NaN to F64, F32, F16: the sign and the leading bits of the payload are kept, and the quiet bit is set. To BF16:
  ///   0xFFFF. To F8_E5M2 and F8_E4M3: 0x7F with the sign. To FNUZ: 0x80. To E8M0: 0xFF. The NaN of FNUZ and E8M0
  ///   decodes to F32 0x7F800001, that of F8_E4M3 to 0x7FF00000 with the sign; BF16 to F32 keeps all bits. These are
  ///   the bit patterns of PyTorch's casts.
  /// - Float to integer: toward zero, saturating; NaN becomes 0 and causes `SUMAC_NAN_NOT_REPRESENTABLE`. Integer to
  ///   integer: saturating.
  /// - BOOL: any element that is not zero (including NaN) becomes 1; any byte except 0 is read as 1.
  int (*convert)(int src_dtype, int dst_dtype, const void *_Nullable src, void *_Nullable dst,
                 size_t n, int saturate);

  /// Splits `n` words of `width` bytes (2, 4 or 8) into byte planes: byte k of each word, where byte 0 is the least
  /// significant, is written to plane `dst + k * n`. If `rotate` is not 0, each word is first rotated left by one bit,
  /// which moves the sign of a float to bit 0 and its exponent to the top.
  void (*split_planes)(size_t width, int rotate, const void *_Nullable src, void *_Nullable dst,
                       size_t n);

  /// Inverts `split_planes`: `planes[k]`, k < `width`, contains byte k of each word.
  void (*join_planes)(size_t width, int rotate, const void *_Nullable const *_Nonnull planes,
                      void *_Nullable dst, size_t n);

  /// Adds `n` values of F32 to `moments`.
  ///
  /// Element i of the call is added to lane i mod 16 of each sum. At the end of the call, the lanes are added pairwise
  /// (l and l + 8, then 4, 2, 1), and the result is added to `moments`. Products of F32 are exact in double.
  void (*moments_f32)(const void *_Nullable values, size_t n, sumac_moments *moments);

  /// Adds `n` values of F64 to `moments`, as `moments_f32` does; sums may overflow to infinity.
  void (*moments_f64)(const void *_Nullable values, size_t n, sumac_moments *moments);

  /// Returns the sum of the squared distances from `mean` of the finite values among `n` values of F32, in the lanes of
  /// `moments_f32`. With the mean of the same values, it yields the variance without cancellation.
  double (*central_squares_f32)(const void *_Nullable values, size_t n, double mean);

  /// Returns the same sum for F64; it may overflow to infinity.
  double (*central_squares_f64)(const void *_Nullable values, size_t n, double mean);

  /// Returns the XXH64 hash of `n` bytes (xxHash fast digest algorithm specification).
  uint64_t (*xxh64)(const void *_Nullable bytes, size_t n, uint64_t seed);

  /// Returns the CRC-32 (ISO 3309, as in ZIP and gzip) of the bytes with the CRC-32 `crc`, followed by `n` more; `crc` is
  /// 0 for none.
  uint32_t (*crc32)(const void *_Nullable bytes, size_t n, uint32_t crc);

  /// Returns 1 if all of `n` bytes are 0 or if `n` is 0, otherwise 0.
  int (*all_zero)(const void *_Nullable bytes, size_t n);

  /// Returns the index of the first byte at which `a` and `b` differ, or `n` if all `n` bytes are equal.
  uint64_t (*first_difference)(const void *_Nullable a, const void *_Nullable b, size_t n);

  // Codes and groups. Values are F32, codes are stored one per byte, and cells are those of `grouping`.

  /// Computes the minimum and maximum value of each cell. Values must not be NaN; -0 is less than +0.
  void (*group_ranges)(const void *_Nullable values, size_t n, const sumac_grouping *grouping,
                       void *_Nullable lows, void *_Nullable highs);

  /// Returns the index of the first NaN or infinity among values of F16, BF16 or F32, or `n`.
  uint64_t (*first_not_finite)(const void *_Nullable values, int dtype, size_t n);

  /// Computes scales, rounded to `scale_dtype` and stored as F32, and zero points, stored as F32: the middle code
  /// (symmetric), a code (integer; the range is widened to include 0), or the minimum value rounded to `scale_dtype`
  /// (float).
  void (*affine_scales)(const void *_Nullable lows, const void *_Nullable highs, size_t cells,
                        int bits, int zero, int scale_dtype, void *_Nullable scales,
                        void *_Nullable zeros);

  /// Computes the scale to store for each cell, as F32: the largest magnitude divided by `limit` and `global`, rounded
  /// to `scale_dtype` (F32, F16, BF16, or F8_E4M3, which saturates). For F8_E8M0 it is the largest power of two that
  /// does not exceed the magnitude, divided by 2^`largest_exponent`.
  void (*element_scales)(const void *_Nullable lows, const void *_Nullable highs, size_t cells,
                         int scale_dtype, float limit, int largest_exponent, float global,
                         void *_Nullable scales);

  /// Computes round((value - bias) / scale) + zero, ties to even, clamped to the codes of `bits` bits. The lowest
  /// symmetric code is not used. If a scale is 0, the result is the zero point.
  void (*affine_encode)(const void *_Nullable values, size_t n, const sumac_grouping *grouping,
                        const void *_Nullable scales, const void *_Nullable zeros, int bits,
                        int zero, void *_Nullable codes);

  /// Computes (code - zero) * scale, or code * scale + zero if zero points are floats. In the second case, each of the
  /// two operations is rounded to `steps_dtype` (F32, F16 or BF16).
  void (*affine_decode)(const void *_Nullable codes, size_t n, const sumac_grouping *grouping,
                        const void *_Nullable scales, const void *_Nullable zeros, int zero,
                        int steps_dtype, void *_Nullable values);

  /// Multiplies each value by its scale, or divides it if `divides` is not 0; the quotient is 0 if the scale is not
  /// above 0. `source` may be `target`.
  void (*scale_groups)(const void *_Nullable source, size_t n, const sumac_grouping *grouping,
                       const void *_Nullable scales, int divides, void *_Nullable target);

  /// Packs codes of `bits` bits, 1 to 8, into a little-endian bit stream; unused bits of the last byte are 0.
  void (*pack_codes)(const void *_Nullable codes, void *_Nullable stream, size_t n, int bits);
  /// Unpacks codes of `bits` bits, 1 to 8, from a little-endian bit stream.
  void (*unpack_codes)(const void *_Nullable stream, void *_Nullable codes, size_t n, int bits);

  /// Returns the largest of `n` bytes, or 0 if there are none.
  int (*highest_code)(const void *_Nullable codes, size_t n);

  /// Looks up each code, which must be a valid index, in `table` (F32).
  void (*table_decode)(const void *_Nullable codes, size_t n, const void *table,
                       void *_Nullable values);

  /// Encodes each value as the index of the nearest of 1 to 256 ascending entries; of two equally near entries, the
  /// lower one is chosen.
  void (*table_encode)(const void *_Nullable values, size_t n, const void *table, size_t entries,
                       void *_Nullable codes);

  /// Decodes `count` blocks of 32 values of a ggml type to F32: 2 (Q4_0), 3 (Q4_1), 6 (Q5_0), 7 (Q5_1) or 8 (Q8_0).
  void (*ggml_decode)(int type, const void *_Nullable blocks, size_t count,
                      void *_Nullable values);
  /// Encodes F32 values as blocks of one of these types. Scales that exceed F16 become infinite.
  void (*ggml_encode)(int type, const void *_Nullable values, size_t count,
                      void *_Nullable blocks);

  // Sparse values. A mask has one bit per element, the first in the lowest bit of the first byte. Bits after the last
  // element are ignored when a mask is read and set to 0 when it is written. Widths are 1, 2, 4 and 8 bytes.

  /// Computes values ^= others for `n` bytes.
  void (*exclusive_or)(void *_Nullable values, const void *_Nullable others, size_t n);

  /// Sets the bit of each element that has a nonzero bit. Returns the number of bits set.
  uint64_t (*nonzero_mask)(const void *_Nullable values, size_t width, size_t n,
                           void *_Nullable mask);
  /// Returns the number of bits set.
  uint64_t (*mask_count)(const void *_Nullable mask, size_t n);

  /// Writes the elements whose bits are set one after the other.
  void (*gather)(const void *_Nullable values, size_t width, size_t n, const void *_Nullable mask,
                 void *_Nullable packed);

  /// Copies packed elements to the positions whose bits are set, and sets all other elements to zero.
  void (*scatter)(const void *_Nullable packed, size_t width, size_t n,
                  const void *_Nullable mask, void *_Nullable values);

  /// Replaces the elements whose bits are set with packed elements.
  void (*replace_masked)(const void *_Nullable packed, size_t width, size_t n,
                         const void *_Nullable mask, void *_Nullable values);

  /// Adds packed F32 or F64 values to the elements whose bits are set.
  void (*add_masked)(const void *_Nullable packed, int dtype, size_t n,
                     const void *_Nullable mask, void *_Nullable values);

  /// Writes a byte for each set bit: the number of elements between it and the previous set bit, or the start. A
  /// distance of 255 or more is preceded by a byte 255 for each 255 elements. Returns the number of bytes.
  uint64_t (*gap8_encode)(const void *_Nullable mask, size_t n, void *_Nullable gaps);

  /// Writes the mask of a stream of gaps. Returns 0 if the gaps do not give exactly `count` positions below `n`.
  int (*gap8_mask)(const void *_Nullable gaps, size_t length, size_t count, size_t n,
                   void *_Nullable mask);

  /// Does the same as `scatter` with a stream of gaps. Returns 0 as `gap8_mask` does.
  int (*gap8_scatter)(const void *_Nullable gaps, size_t length, const void *_Nullable packed,
                      size_t count, size_t width, size_t n, void *_Nullable values);

  /// Adds the numbers of F32 magnitudes to `counts`. At level 0 there is one counter for each value of the upper 16
  /// bits (65,536 counters). At level 1 only magnitudes whose upper bits are `prefix` count, and there is one counter
  /// for each value of their lower 15 bits (32,768 counters).
  void (*magnitude_histogram)(const void *_Nullable values, size_t n, int level, uint32_t prefix,
                              uint64_t *counts);

  /// Sets the bits of all F32 values whose magnitude, as bits, is greater than `threshold`, and of the first `ties`
  /// that equal it. Returns the number of bits set.
  uint64_t (*largest_mask)(const void *_Nullable values, size_t n, uint32_t threshold,
                           uint64_t ties, void *_Nullable mask);

  // Matrices of F32, row by row. The order of every sum is the same at every level.

  /// Computes sums[i][j] += scale * (u[i][0] * v[0][j] + u[i][1] * v[1][j] + ...). The products are added to 0 in this
  /// order, and each operation is rounded. u is rows x rank, v is rank x columns with rows that are `stride` values
  /// apart.
  void (*low_rank_add)(const void *_Nullable u, const void *_Nullable v, size_t stride,
                       size_t rows, size_t columns, size_t rank, float scale,
                       void *_Nullable sums);

  /// Adds `n` values of F32 or F64 to the corresponding sums.
  void (*add_values)(const void *_Nullable values, int dtype, size_t n, void *_Nullable sums);

  /// Computes u[i][k] = sum over j of matrix[i][j] * v[k][j], in 16 lanes that are added pairwise.
  void (*project_rows)(const void *_Nullable matrix, const void *_Nullable v, size_t rows,
                       size_t columns, size_t rank, void *_Nullable u);

  /// Computes v[k][j] += u[0][k] * matrix[0][j], then the same for row 1, and so on.
  void (*accumulate_columns)(const void *_Nullable matrix, const void *_Nullable u, size_t rows,
                             size_t columns, size_t rank, void *_Nullable v);

  /// Makes `count` vectors of `n` values orthonormal, in order. A vector that depends on the vectors before it becomes
  /// 0.
  void (*orthonormalize)(void *_Nullable vectors, size_t count, size_t n);

  /// Adds the distance of `values` from `others` to `distance`, in the lanes of `moments_f32`.
  void (*add_distance)(const void *_Nullable values, const void *_Nullable others, size_t n,
                       sumac_distance *distance);

  /// Adds the sums of the squared distances of `values` from `others` and of the squared values, each times its weight of
  /// `weights`, to `distance`, in the lanes of `moments_f32`. The largest distance has no weights.
  void (*add_weighted_distance)(const void *_Nullable values, const void *_Nullable others,
                                const void *_Nullable weights, size_t n,
                                sumac_distance *distance);

  /// Adds to `loss` the difference between `n` values of the float dtype `from` and the values of the float dtype `to`
  /// that were made of them. Sums are computed in the lanes of `moments_f32` for each 1024 values, in float32 if the range of
  /// their magnitudes allows it.
  void (*add_loss)(int from, const void *_Nullable before, int to, const void *_Nullable after,
                   size_t n, sumac_loss *loss);

  /// Adds to `difference` the sums of `n` values of the float dtype `from` and the values of the float dtype `to` at the
  /// same places, in float64, in the lanes of `moments_f32` for each 1024 values.
  void (*add_difference)(int from, const void *_Nullable before, int to,
                         const void *_Nullable after, size_t n, sumac_difference *difference);

  /// Clamps finite F32 values to the largest finite magnitude of `dtype`. `source` must not be `target`.
  void (*clamp_finite)(const void *_Nullable source, size_t n, int dtype, void *_Nullable target);

  // Statistics and pruning of F32 values.

  /// Returns the sum of |x|^p over the finite values among `n` values, for p above 0, in the lanes of `moments_f32`.
  /// The relative error of a power is about 1e-14 (exact if p is 1 or 2; 2^-49 if p is 1/2).
  double (*power_sum)(const void *_Nullable values, size_t n, double p);

  /// Sets each value to NaN, so that sums exclude it, whose bit is set if `marked` is not 0, or whose bit is not set
  /// otherwise.
  void (*exclude)(void *_Nullable values, size_t n, const void *_Nullable mask, int marked);

  /// Sets each element of `width` bytes (1, 2, 4 or 8) to 0 whose bit is not set.
  void (*clear_unmasked)(void *_Nullable values, size_t width, size_t n,
                         const void *_Nullable mask);

  /// Adds to `counts`, which has one counter for each value of the upper 16 bits of magnitudes, 2^36 plus the lower 15
  /// bits of each such magnitude. For up to 2^21 values, a counter gives their number and the sum of their lower bits.
  void (*survey_histogram)(const void *_Nullable values, size_t n, uint64_t *counts);

  /// `slots` has one byte for each value of the upper 16 bits of magnitudes: a slot, or 255 for none. For each value
  /// with a slot, in order, the function writes slot * 2^15 + its lower 15 bits to `found`, which has room for `n` + 1
  /// words of 32 bits. It adds to each of two `squares`, in lanes, the squares of the finite values whose upper bits
  /// exceed the corresponding element of `above`. Returns the number of words written.
  uint64_t (*collect_slots)(const void *_Nullable values, size_t n, const void *slots,
                            const uint32_t *above, void *_Nullable found, double *squares);

  /// Returns the magnitude, as bits, with the given rank (starting at 0) of `n` values in ascending order. `rank` must
  /// be less than `n`, and `scratch` must have room for the values.
  uint32_t (*select_rank)(const void *_Nullable values, size_t n, size_t rank,
                          void *_Nullable scratch);

  /// Raises each of `columns` peaks to the largest finite magnitude of its column.
  void (*column_peaks)(const void *_Nullable values, size_t rows, size_t columns,
                       void *_Nullable peaks);

  /// Sets the bits of the `keep` largest magnitudes in each group of `group` values; among equal magnitudes, the first
  /// are chosen. The last group may be shorter. NaN counts as larger than infinity.
  void (*pattern_mask)(const void *_Nullable values, size_t n, size_t keep, size_t group,
                       void *_Nullable mask);

  /// Adds the groups of `n` values to `fit`.
  void (*pattern_fit)(const void *_Nullable values, size_t n, size_t keep, size_t group,
                      sumac_pattern_fit *fit);

  // Differences of models, as F32 values.

  /// Returns the index of the first NaN, or `n`.
  size_t (*first_nan)(const void *_Nullable values, size_t n);

  /// Adds to two `counts` the number of values with a magnitude, given as bits, and the number with a larger one.
  void (*count_magnitude)(const void *_Nullable values, size_t n, uint32_t magnitude,
                          uint64_t *counts);

  /// Writes, for each value whose magnitude has these upper 16 bits, in order, its lower 15 bits times 2^32 plus its
  /// index to `found`, which has room for `n` words of 64 bits. Returns the number of words. `n` is less than 2^32.
  uint64_t (*collect_indexes)(const void *_Nullable values, size_t n, uint32_t upper,
                             void *_Nullable found);

  /// Computes differences = values - others; `differences` may be `values`.
  void (*subtract)(const void *_Nullable values, const void *_Nullable others, size_t n,
                   void *_Nullable differences);

  /// Computes sums = weight * values if `is_first` is not 0, otherwise sums += weight * values.
  void (*add_scaled)(void *_Nullable sums, const void *_Nullable values, size_t n, float weight,
                     int is_first);

  /// Computes values *= factor for F32 or F64.
  void (*scale_values)(void *_Nullable values, int dtype, size_t n, float factor);

  /// Computes values /= divisor.
  void (*divide)(void *_Nullable values, size_t n, float divisor);

  /// Sets each value to 0 whose magnitude, as bits, is not between `low` and `high`. Values that equal `low` are kept
  /// only at the first `low_end` indexes, values that equal `high` only at the first `high_end`. Bounds are less than
  /// 2^32 - 1.
  void (*keep_range)(void *_Nullable values, size_t n, uint32_t low, size_t low_end, uint32_t high,
                     size_t high_end);

  /// Computes the uniform numbers of `n` counters, starting at `start`: multiples of 2^-24 from Philox4x32-10 with
  /// `key`. The upper 64 bits of each counter are `stream`.
  void (*uniforms)(uint64_t key, uint64_t start, uint64_t stream, size_t n,
                   void *_Nullable values);

  /// Sets each value to 0 whose uniform number, times 2^24, is not less than `bound`.
  void (*keep_random)(void *_Nullable values, size_t n, uint64_t key, uint64_t start,
                      uint64_t stream, uint32_t bound);

  /// Sets each value to 0 whose uniform number is not less than the chance of its rank in its row. The chances increase
  /// in equal steps from `lowest` for the smallest magnitude to `highest` for the largest. Among equal magnitudes, the
  /// first has the highest rank. In a row of one value the chance is the mean of both. Rows have less than 2^32
  /// values; `scratch` has 16 bytes for each column.
  void (*keep_ranked)(void *_Nullable values, size_t rows, size_t columns, double lowest,
                      double highest, uint64_t key, uint64_t start, uint64_t stream,
                      void *_Nullable scratch);

  /// Computes base += lambda * D, where D is the sum of e[k] = delta[k] * factor[k] * weight[k]; the deltas of one
  /// element are `stride` values apart. If `elects` is not 0, only those e[k] count that have the sign of their sum,
  /// which is positive if the sum is 0. If `normalizes` is not 0, D is divided by the sum of the weights that count;
  /// the divisor is 1 if this sum is 0 or, without election, if its magnitude is less than 1e-8.
  void (*add_task_vectors)(void *_Nullable base, const void *_Nullable deltas, size_t stride,
                           const float *factors, const float *weights, size_t vectors, size_t n,
                           int elects, int normalizes, float lambda);

  /// Adds statistics of two lists of values to `pair`.
  void (*compare_pair)(const void *_Nullable values, const void *_Nullable others, size_t n,
                       sumac_pair *pair);

  /// Sets the bits of the `k` smallest and the `k` largest finite values of each row or column; among equal values, the
  /// first are chosen. `scratch` has room for four rows and 19 values, or for 19 columns and 275 values, of four bytes
  /// each. Rows and columns have less than 2^32 values.
  void (*mark_extremes)(const void *_Nullable values, size_t rows, size_t columns,
                        int along_columns, size_t k, void *_Nullable mask,
                        void *_Nullable scratch);

  /// Computes the minimum and maximum value of each cell. NaNs are ignored; if there are no other values, both are 0.
  void (*kept_ranges)(const void *_Nullable values, size_t n, const sumac_grouping *grouping,
                      void *_Nullable lows, void *_Nullable highs);

  /// Computes scales and zeros of `scale_dtype` (F16 or F32), stored as F32, with which codes 0 to `steps` cover each
  /// range: zeros are rounded down and scales up, so that no value is outside.
  void (*range_pairs)(const void *_Nullable lows, const void *_Nullable highs, size_t cells,
                      float steps, int scale_dtype, void *_Nullable scales,
                      void *_Nullable zeros);

  /// Runs rounds of multiplications and additions in independent F32 sums, which stay in registers: the most that the
  /// vectors of the level can do. Returns the number of multiplications and additions. `result` depends on all of them.
  double (*multiply_add_rounds)(size_t rounds, float factor, float *result);

  // Sparse layers of networks, as F32 or F64 values.

  /// Computes rows of results = Σ weight · vector over the entries of each row. Entry e of row r, with e from starts[r]
  /// to below starts[r + 1], has a weight and the vector that starts at offsets[e] of `vectors`. Elements `first` to
  /// `first` + `count` are computed, in blocks of `SUMAC_ROW_BLOCK_BYTES`; rows of results are `pitch` values apart.
  /// Products are added in the order of the entries, without fused operations.
  void (*sparse_rows_f32)(const uint32_t *starts, const uint32_t *_Nullable offsets,
                          const void *_Nullable weights, size_t rows, const void *_Nullable vectors,
                          size_t first, size_t count, void *_Nullable results, size_t pitch);
  void (*sparse_rows_f64)(const uint32_t *starts, const uint32_t *_Nullable offsets,
                          const void *_Nullable weights, size_t rows, const void *_Nullable vectors,
                          size_t first, size_t count, void *_Nullable results, size_t pitch);

  /// Adds to sums[e] the product of vector r with the vector of entry e of row r, over elements `first` to `first` +
  /// `count`, a multiple of 16. The products are added in 16 lanes, which are added in pairs.
  void (*sparse_dots_f32)(const uint32_t *starts, const uint32_t *_Nullable offsets, size_t rows,
                          const void *_Nullable vectors, size_t pitch, const void *_Nullable others,
                          size_t first, size_t count, void *_Nullable sums);
  void (*sparse_dots_f64)(const uint32_t *starts, const uint32_t *_Nullable offsets, size_t rows,
                          const void *_Nullable vectors, size_t pitch, const void *_Nullable others,
                          size_t first, size_t count, void *_Nullable sums);

  /// Copies the channels `first` to below `last` of images to their planes, whose other elements become 0.
  void (*pack_planes_f32)(const sumac_planes *planes, size_t first, size_t last,
                          const void *_Nullable values, void *_Nullable target);
  void (*pack_planes_f64)(const sumac_planes *planes, size_t first, size_t last,
                          const void *_Nullable values, void *_Nullable target);

  /// Copies, or adds if `adds` is not 0, the planes of some channels to the images. Values without a place stay as they
  /// are.
  void (*unpack_planes_f32)(const sumac_planes *planes, size_t first, size_t last,
                            const void *_Nullable values, void *_Nullable target, int adds);
  void (*unpack_planes_f64)(const sumac_planes *planes, size_t first, size_t last,
                            const void *_Nullable values, void *_Nullable target, int adds);

  // A channel of images, as F32 or F64 values. Numbers are rounded to the type of the values.

  /// Computes mean and biased variance of the values of a channel. Sums are those of each image in 16 lanes, which are
  /// added in pairs, added in order.
  void (*channel_moments_f32)(const sumac_channel *channel, const void *_Nullable values,
                              void *moments);
  void (*channel_moments_f64)(const sumac_channel *channel, const void *_Nullable values,
                              void *moments);

  /// Computes results = (values - mean) * factor * scale + shift + added, without the last term for NULL. If `rectifies` is
  /// not 0, results below 0 become 0.
  void (*normalize_channel_f32)(const sumac_channel *channel, const void *_Nullable values,
                                const sumac_normalization *normalization, const void *_Nullable added,
                                int rectifies, void *_Nullable results);
  void (*normalize_channel_f64)(const sumac_channel *channel, const void *_Nullable values,
                                const sumac_normalization *normalization, const void *_Nullable added,
                                int rectifies, void *_Nullable results);

  /// Computes the sums of slopes and of slopes * (values - mean) * factor, in the order of `channel_moments`. Slopes count
  /// as 0 where outputs, if they are not NULL, are at most 0.
  void (*normal_sums_f32)(const sumac_channel *channel, const void *_Nullable values,
                          const void *_Nullable slopes, const void *_Nullable outputs,
                          const sumac_normalization *normalization, void *sums);
  void (*normal_sums_f64)(const sumac_channel *channel, const void *_Nullable values,
                          const void *_Nullable slopes, const void *_Nullable outputs,
                          const sumac_normalization *normalization, void *sums);

  /// Sets sums to (slopes - offset - (values - mean) * share) * factor * scale, or adds it if `adds` is not 0, with the
  /// slopes that `normal_sums` adds up.
  void (*normal_slopes_f32)(const sumac_channel *channel, const void *_Nullable values,
                            const void *_Nullable slopes, const void *_Nullable outputs,
                            const sumac_normalization *normalization, void *_Nullable sums, int adds);
  void (*normal_slopes_f64)(const sumac_channel *channel, const void *_Nullable values,
                            const void *_Nullable slopes, const void *_Nullable outputs,
                            const sumac_normalization *normalization, void *_Nullable sums, int adds);

  /// Sets sums to the slopes, which count as 0 where outputs are at most 0, or adds them if `adds` is not 0.
  void (*rectified_slopes_f32)(const sumac_channel *channel, const void *_Nullable slopes,
                               const void *_Nullable outputs, void *_Nullable sums, int adds);
  void (*rectified_slopes_f64)(const sumac_channel *channel, const void *_Nullable slopes,
                               const void *_Nullable outputs, void *_Nullable sums, int adds);

  // Windows of an image, as F32 or F64 values.

  /// Writes the windows of an image as the columns of a matrix, whose rows are `pitch` values apart: row (c, i, j) has, for
  /// each place of the output, the number of channel c at offset (i, j) in the window, or 0 outside of the image.
  void (*fill_windows_f32)(const sumac_windows *windows, const void *_Nullable image, void *_Nullable matrix,
                          size_t pitch);
  void (*fill_windows_f64)(const sumac_windows *windows, const void *_Nullable image, void *_Nullable matrix,
                          size_t pitch);

  /// Adds each number of such a matrix to its place in an image, row by row; those outside are left out.
  void (*add_windows_f32)(const sumac_windows *windows, const void *_Nullable matrix, size_t pitch,
                          void *_Nullable image);
  void (*add_windows_f64)(const sumac_windows *windows, const void *_Nullable matrix, size_t pitch,
                          void *_Nullable image);

  /// Computes the largest number in each window of each channel; NaN if there is one. Each window has a place inside.
  void (*largest_in_windows_f32)(const sumac_windows *windows, const void *_Nullable image,
                          void *_Nullable results);
  void (*largest_in_windows_f64)(const sumac_windows *windows, const void *_Nullable image,
                          void *_Nullable results);

  /// Adds each term, one for each window, to the sum at the place of the largest number; of equal ones, the first.
  void (*add_to_largest_f32)(const sumac_windows *windows, const void *_Nullable image, const void *_Nullable terms,
                          void *_Nullable sums);
  void (*add_to_largest_f64)(const sumac_windows *windows, const void *_Nullable image, const void *_Nullable terms,
                          void *_Nullable sums);
} sumac_kernels;

/// Returns the number of levels that this machine supports, at least 1.
size_t sumac_kernels_count(void);

/// Returns level `index` in ascending order; level 0 is `baseline`. `index` must be less than `sumac_kernels_count()`.
const sumac_kernels *sumac_kernels_at(size_t index);

/// Returns the highest level that this machine supports.
const sumac_kernels *sumac_kernels_best(void);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif

#endif
