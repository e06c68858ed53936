#include "Levels.inc.h"

#define SUMAC_TABLE sumac_kernels_baseline
#define SUMAC_LEVEL "baseline"
#define SUMAC_VECTOR_BYTES 16
#if defined(__aarch64__)
#define SUMAC_HAS_FMA
#endif
#include "Level.inc.h"
