// The tables that the level files define.

#include "CRepeats.h"

extern const sumac_repeat_kernels sumac_repeats_baseline __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const sumac_repeat_kernels sumac_repeats_avx2 __attribute__((visibility("hidden")));
extern const sumac_repeat_kernels sumac_repeats_avx512 __attribute__((visibility("hidden")));
#endif
