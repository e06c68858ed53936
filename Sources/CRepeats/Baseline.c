#include "Levels.inc.h"

#define SUMAC_TABLE sumac_repeats_baseline
#define SUMAC_VECTOR_BYTES 16
#include "Level.inc.h"
