// Counts, extremes and power sums in sixteen fixed lanes.

enum { LANES = 16 };

/// The number of groups of lanes that can be counted before a 32-bit lane counter could overflow.
enum { GROUPS_PER_RUN = 1 << 20 };

typedef float lanes_f32 __attribute__((ext_vector_type(LANES)));
typedef double lanes_f64 __attribute__((ext_vector_type(LANES)));
typedef int32_t lanes_i32 __attribute__((ext_vector_type(LANES)));
typedef int64_t lanes_i64 __attribute__((ext_vector_type(LANES)));

INLINE double add_lanes(const lanes_f64 *lanes) {
  double values[LANES];
  memcpy(values, lanes, sizeof values);
  for (int width = LANES / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) values[i] += values[i + width];
  }
  return values[0];
}

#define NAME(base) base##_f32
#define REAL float
#define REAL_LANES lanes_f32
#define MASK int32_t
#define MASK_LANES lanes_i32
#define MAGNITUDE INT32_MAX
#include "MomentsBody.inc.h"
#undef NAME
#undef REAL
#undef REAL_LANES
#undef MASK
#undef MASK_LANES
#undef MAGNITUDE

#define NAME(base) base##_f64
#define REAL double
#define REAL_LANES lanes_f64
#define MASK int64_t
#define MASK_LANES lanes_i64
#define MAGNITUDE INT64_MAX
#include "MomentsBody.inc.h"
#undef NAME
#undef REAL
#undef REAL_LANES
#undef MASK
#undef MASK_LANES
#undef MAGNITUDE
