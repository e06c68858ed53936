// The kernels of one CPU level. The including file defines
//   SUMAC_TABLE     the name of the table to define,
//   SUMAC_LEVEL     the name of the level,
//   SUMAC_VECTOR_BYTES  the bytes of its vectors,
//   SUMAC_HAS_FMA   if it has fused multiply-add,
//   SUMAC_HAS_F16C  if the level converts F16 in hardware,
//   SUMAC_HAS_CLMUL if it multiplies without carries.

#pragma STDC FP_CONTRACT OFF

#include "Support.inc.h"

#ifdef SUMAC_HAS_F16C
INLINE _Float16 half_of(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

INLINE uint16_t bits_of_half(_Float16 value) {
  uint16_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
#endif

#include "NarrowFloats.inc.h"
#include "FloatBlocks.inc.h"
#include "WideBlocks.inc.h"
#include "Convert.inc.h"
#include "Planes.inc.h"
#include "Moments.inc.h"
#include "Bytes.inc.h"
#include "Crc32.inc.h"
#include "Groups.inc.h"
#include "Codes.inc.h"
#include "Ggml.inc.h"
#include "Sparse.inc.h"
#include "LowRank.inc.h"
#include "Loss.inc.h"
#include "Difference.inc.h"
#include "Power.inc.h"
#include "Survey.inc.h"
#include "Patterns.inc.h"
#include "Merge.inc.h"
#include "Cache.inc.h"
#include "Peak.inc.h"
#include "SparseRows.inc.h"
#include "Channels.inc.h"
#include "Windows.inc.h"

const sumac_kernels SUMAC_TABLE = {
    .level = SUMAC_LEVEL,
    .convert = convert,
    .split_planes = split_planes,
    .join_planes = join_planes,
    .moments_f32 = moments_f32,
    .moments_f64 = moments_f64,
    .central_squares_f32 = central_squares_f32,
    .central_squares_f64 = central_squares_f64,
    .xxh64 = xxh64,
    .crc32 = crc32,
    .all_zero = all_zero,
    .first_difference = first_difference,
    .group_ranges = group_ranges,
    .first_not_finite = first_not_finite,
    .affine_scales = affine_scales,
    .element_scales = element_scales,
    .affine_encode = affine_encode,
    .affine_decode = affine_decode,
    .scale_groups = scale_groups,
    .pack_codes = pack_codes,
    .unpack_codes = unpack_codes,
    .highest_code = highest_code,
    .table_decode = table_decode,
    .table_encode = table_encode,
    .ggml_decode = ggml_decode,
    .ggml_encode = ggml_encode,
    .nonzero_mask = nonzero_mask,
    .exclusive_or = exclusive_or,
    .mask_count = mask_count,
    .gather = gather,
    .scatter = scatter,
    .replace_masked = replace_masked,
    .add_masked = add_masked,
    .gap8_encode = gap8_encode,
    .gap8_mask = gap8_mask,
    .gap8_scatter = gap8_scatter,
    .magnitude_histogram = magnitude_histogram,
    .largest_mask = largest_mask,
    .add_values = add_values,
    .low_rank_add = low_rank_add,
    .project_rows = project_rows,
    .accumulate_columns = accumulate_columns,
    .orthonormalize = orthonormalize,
    .add_distance = add_distance,
    .add_weighted_distance = add_weighted_distance,
    .add_loss = add_loss,
    .add_difference = add_difference,
    .clamp_finite = clamp_finite,
    .power_sum = power_sum,
    .exclude = exclude,
    .clear_unmasked = clear_unmasked,
    .survey_histogram = survey_histogram,
    .collect_slots = collect_slots,
    .select_rank = select_rank,
    .column_peaks = column_peaks,
    .pattern_mask = pattern_mask,
    .pattern_fit = pattern_fit,
    .first_nan = first_nan,
    .count_magnitude = count_magnitude,
    .collect_indexes = collect_indexes,
    .subtract = subtract,
    .add_scaled = add_scaled,
    .scale_values = scale_values,
    .divide = divide,
    .keep_range = keep_range,
    .uniforms = uniforms,
    .keep_random = keep_random,
    .keep_ranked = keep_ranked,
    .add_task_vectors = add_task_vectors,
    .compare_pair = compare_pair,
    .mark_extremes = mark_extremes,
    .kept_ranges = kept_ranges,
    .range_pairs = range_pairs,
    .multiply_add_rounds = multiply_add_rounds,
    .sparse_rows_f32 = sparse_rows_f32,
    .sparse_rows_f64 = sparse_rows_f64,
    .sparse_dots_f32 = sparse_dots_f32,
    .sparse_dots_f64 = sparse_dots_f64,
    .pack_planes_f32 = pack_planes_f32,
    .pack_planes_f64 = pack_planes_f64,
    .unpack_planes_f32 = unpack_planes_f32,
    .unpack_planes_f64 = unpack_planes_f64,
    .channel_moments_f32 = channel_moments_f32,
    .channel_moments_f64 = channel_moments_f64,
    .normalize_channel_f32 = normalize_channel_f32,
    .normalize_channel_f64 = normalize_channel_f64,
    .normal_sums_f32 = normal_sums_f32,
    .normal_sums_f64 = normal_sums_f64,
    .normal_slopes_f32 = normal_slopes_f32,
    .normal_slopes_f64 = normal_slopes_f64,
    .rectified_slopes_f32 = rectified_slopes_f32,
    .rectified_slopes_f64 = rectified_slopes_f64,
    .fill_windows_f32 = fill_windows_f32,
    .fill_windows_f64 = fill_windows_f64,
    .add_windows_f32 = add_windows_f32,
    .add_windows_f64 = add_windows_f64,
    .largest_in_windows_f32 = largest_in_windows_f32,
    .largest_in_windows_f64 = largest_in_windows_f64,
    .add_to_largest_f32 = add_to_largest_f32,
    .add_to_largest_f64 = add_to_largest_f64,
};
