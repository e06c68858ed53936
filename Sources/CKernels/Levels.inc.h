// The tables that the level files define.

#include "CKernels.h"

extern const sumac_kernels sumac_kernels_baseline __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const sumac_kernels sumac_kernels_avx2 __attribute__((visibility("hidden")));
extern const sumac_kernels sumac_kernels_avx512 __attribute__((visibility("hidden")));
#endif
