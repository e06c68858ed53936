// The kernels of one CPU level. The including file defines
//   SUMAC_TABLE     the name of the table to define,
//   SUMAC_LEVEL     the level's name,
//   SUMAC_HAS_F16C  if the level converts F16 in hardware.

#pragma STDC FP_CONTRACT OFF

#include "Support.inc.h"

#ifdef SUMAC_HAS_F16C
INLINE _Float16 half_of(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

INLINE uint16_t bits_of_half(_Float16 value) {
  uint16_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
#endif

#include "NarrowFloats.inc.h"
#include "FloatBlocks.inc.h"
#include "WideBlocks.inc.h"
#include "Convert.inc.h"
#include "Planes.inc.h"
#include "Moments.inc.h"
#include "Bytes.inc.h"

const sumac_kernels SUMAC_TABLE = {
    .level = SUMAC_LEVEL,
    .convert = convert,
    .split_planes = split_planes,
    .join_planes = join_planes,
    .moments_f32 = moments_f32,
    .moments_f64 = moments_f64,
    .central_squares_f32 = central_squares_f32,
    .central_squares_f64 = central_squares_f64,
    .xxh64 = xxh64,
    .all_zero = all_zero,
    .first_difference = first_difference,
};
