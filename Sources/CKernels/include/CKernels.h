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
