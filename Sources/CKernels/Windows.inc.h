// Windows of images, in F32 for the program and in F64 for exact comparisons.

#define REAL float
#define NAME(name) name##_f32
#include "WindowsBody.inc.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(name) name##_f64
#include "WindowsBody.inc.h"
#undef REAL
#undef NAME
