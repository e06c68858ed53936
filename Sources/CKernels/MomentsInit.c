#include "CKernels.h"

#pragma STDC FP_CONTRACT OFF

void sumac_moments_init(sumac_moments *moments) {
  *moments = (sumac_moments){.min = __builtin_inf(), .max = -__builtin_inf()};
}
