#include "CKernels.h"

unsigned sumac_processor_features(void) {
  unsigned features = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse3")) features |= SUMAC_SSE3;
  if (__builtin_cpu_supports("ssse3")) features |= SUMAC_SSSE3;
  if (__builtin_cpu_supports("sse4.1")) features |= SUMAC_SSE4_1;
  if (__builtin_cpu_supports("sse4.2")) features |= SUMAC_SSE4_2;
  if (__builtin_cpu_supports("sse4a")) features |= SUMAC_SSE4A;
  if (__builtin_cpu_supports("avx")) features |= SUMAC_AVX;
  if (__builtin_cpu_supports("fma4")) features |= SUMAC_FMA4;
  if (__builtin_cpu_supports("fma")) features |= SUMAC_FMA;
  if (__builtin_cpu_supports("avx2")) features |= SUMAC_AVX2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    features |= SUMAC_AVX512;
  }
  if (__builtin_cpu_supports("avx512vnni")) features |= SUMAC_AVX512_VNNI;
  if (__builtin_cpu_supports("avx512bf16")) features |= SUMAC_AVX512_BF16;
  if (__builtin_cpu_supports("avx512fp16")) features |= SUMAC_AVX512_FP16;
#endif
  return features;
}
