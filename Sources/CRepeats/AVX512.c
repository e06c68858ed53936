#include "Levels.inc.h"

#if defined(__x86_64__)

#pragma clang attribute push(                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi2"))), apply_to = function)

#define SUMAC_TABLE sumac_repeats_avx512
#define SUMAC_VECTOR_BYTES 64
#include "Level.inc.h"

#pragma clang attribute pop

#endif
