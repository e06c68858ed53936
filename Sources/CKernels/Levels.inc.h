// The tables that the level files define, and those that they share.

#include "CKernels.h"

extern const sumac_kernels sumac_kernels_baseline __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const sumac_kernels sumac_kernels_avx2 __attribute__((visibility("hidden")));
extern const sumac_kernels sumac_kernels_avx512 __attribute__((visibility("hidden")));
#endif

extern const uint32_t sumac_crc32_tables[8][256] __attribute__((visibility("hidden")));
