#include "Levels.inc.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,bmi2"))), apply_to = function)

#define SUMAC_TABLE sumac_repeats_avx2
#define SUMAC_VECTOR_BYTES 32
#include "Level.inc.h"

#pragma clang attribute pop

#endif
