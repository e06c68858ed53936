#include "Levels.inc.h"

size_t sumac_kernels_count(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("f16c") || !__builtin_cpu_supports("bmi2") ||
      !__builtin_cpu_supports("pclmul")) {
    return 1;
  }
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return 2;
  }
  return 3;
#else
  return 1;
#endif
}

const sumac_kernels *sumac_kernels_at(size_t index) {
  static const sumac_kernels *const levels[] = {
      &sumac_kernels_baseline,
#if defined(__x86_64__)
      &sumac_kernels_avx2,
      &sumac_kernels_avx512,
#endif
  };
  return levels[index];
}

const sumac_kernels *sumac_kernels_best(void) {
  return sumac_kernels_at(sumac_kernels_count() - 1);
}
