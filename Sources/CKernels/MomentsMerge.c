#include "CKernels.h"

#pragma STDC FP_CONTRACT OFF

void sumac_moments_init(sumac_moments *moments) {
  *moments = (sumac_moments){.min = __builtin_inf(), .max = -__builtin_inf()};
}

void sumac_moments_merge(sumac_moments *moments, const sumac_moments *part) {
  moments->count += part->count;
  moments->zeros += part->zeros;
  moments->negative_zeros += part->negative_zeros;
  moments->nans += part->nans;
  moments->positive_infinities += part->positive_infinities;
  moments->negative_infinities += part->negative_infinities;
  moments->min = part->min < moments->min ? part->min : moments->min;
  moments->max = part->max > moments->max ? part->max : moments->max;
  moments->max_abs = part->max_abs > moments->max_abs ? part->max_abs : moments->max_abs;
  moments->sum += part->sum;
  moments->sum_abs += part->sum_abs;
  moments->sum_squares += part->sum_squares;
}
