// Channels of images, in F32 for the program and in F64 for exact comparisons.

#define REAL float
#define REAL_LANES lanes_f32
#define NAME(name) name##_f32
#include "ChannelsBody.inc.h"
#undef REAL
#undef REAL_LANES
#undef NAME

#define REAL double
#define REAL_LANES lanes_f64
#define NAME(name) name##_f64
#include "ChannelsBody.inc.h"
#undef REAL
#undef REAL_LANES
#undef NAME
