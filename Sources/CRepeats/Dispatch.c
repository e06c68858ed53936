#include "Levels.inc.h"

size_t sumac_repeat_kernels_count(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return 1;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return 2;
  }
  return 3;
#else
  return 1;
#endif
}

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
