#include "CKernels.h"
#include "Levels.inc.h"

size_t sumac_repeat_kernels_count(void) { return sumac_kernels_count(); }

const sumac_repeat_kernels *sumac_repeat_kernels_at(size_t index) {
  static const sumac_repeat_kernels *const levels[] = {
      &sumac_repeats_baseline,
#if defined(__x86_64__)
      &sumac_repeats_avx2,
      &sumac_repeats_avx512,
#endif
  };
  return levels[index];
}
