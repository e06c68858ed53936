#include "Levels.inc.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi2,pclmul"))), apply_to = function)

#define SUMAC_TABLE sumac_kernels_avx2
#define SUMAC_LEVEL "avx2"
#define SUMAC_VECTOR_BYTES 32
#define SUMAC_HAS_FMA
#define SUMAC_HAS_F16C
#define SUMAC_HAS_CLMUL
#include "Level.inc.h"

#pragma clang attribute pop

#endif
