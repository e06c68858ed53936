#include "Levels.inc.h"

#define SUMAC_TABLE sumac_kernels_baseline
#define SUMAC_LEVEL "baseline"
#include "Level.inc.h"
