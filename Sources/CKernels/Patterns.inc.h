// N:M patterns: the `keep` largest magnitudes of each `group` values; among equal magnitudes, the first are kept.

/// Sets each lane of `kept` to all ones if it is among the `keep` largest of its group of four, otherwise to zero.
INLINE void kept_of_four(const lanes_i32 *magnitudes, int keep, lanes_i32 *kept) {
  const lanes_i32 magnitude = *magnitudes;
  // Each lane is compared with the other three of its group; of two equal lanes, the first counts as larger.
  const lanes_i32 first = __builtin_shufflevector(magnitude, magnitude, 1, 2, 3, 0, 5, 6, 7, 4, 9,
                                                  10, 11, 8, 13, 14, 15, 12);
  const lanes_i32 second = __builtin_shufflevector(magnitude, magnitude, 2, 3, 0, 1, 6, 7, 4, 5, 10,
                                                   11, 8, 9, 14, 15, 12, 13);
  const lanes_i32 third = __builtin_shufflevector(magnitude, magnitude, 3, 0, 1, 2, 7, 4, 5, 6, 11,
                                                  8, 9, 10, 15, 12, 13, 14);
  const lanes_i32 first_before = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  const lanes_i32 second_before = {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
  const lanes_i32 third_before = {0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1};
  const lanes_i32 larger = (lanes_i32)(first > magnitude - first_before) +
                           (lanes_i32)(second > magnitude - second_before) +
                           (lanes_i32)(third > magnitude - third_before);
  *kept = (lanes_i32)(larger > -keep);
}

INLINE void load_magnitudes(const any_u32 *bits, lanes_i32 *magnitudes) {
  lanes_i32 x;
  memcpy(&x, bits, sizeof x);
  *magnitudes = x & INT32_MAX;
}

INLINE int is_kept(const any_u32 *group, size_t count, size_t index, size_t keep) {
  const uint32_t magnitude = group[index] & F32_MAGNITUDE;
  size_t larger = 0;
  for (size_t k = 0; k < count; k++) {
    const uint32_t other = group[k] & F32_MAGNITUDE;
    larger += other > magnitude || (other == magnitude && k < index);
  }
  return larger < keep;
}

static void pattern_mask(const void *values, size_t n, size_t keep, size_t group, void *mask) {
  const any_u32 *bits = values;
  uint8_t *to = mask;
  memset(mask, 0, (n + 7) / 8);
  size_t i = 0;
  if (group == 4) {
    for (; i + LANES <= n; i += LANES) {
      lanes_i32 magnitude, lanes;
      load_magnitudes(bits + i, &magnitude);
      kept_of_four(&magnitude, (int)keep, &lanes);
      const uint32_t kept = mask_of_lanes(&lanes);
      to[i / 8] = (uint8_t)kept;
      to[i / 8 + 1] = (uint8_t)(kept >> 8);
    }
  }
  for (; i < n; i += group) {
    const size_t count = n - i < group ? n - i : group;
    for (size_t k = 0; k < count; k++) {
      if (is_kept(bits + i, count, k, keep)) to[(i + k) / 8] |= (uint8_t)(1u << (i + k) % 8);
    }
  }
}

static void pattern_fit(const void *values, size_t n, size_t keep, size_t group,
                        sumac_pattern_fit *fit) {
  const any_u32 *bits = values;
  lanes_f64 sum = {0};
  size_t i = 0;
  if (group == 4) {
    lanes_i32 fitting = {0};
    for (; i + LANES <= n; i += LANES) {
      lanes_i32 magnitude, kept;
      load_magnitudes(bits + i, &magnitude);
      kept_of_four(&magnitude, (int)keep, &kept);
      const lanes_i32 finite = (lanes_i32)(magnitude < 0x7F800000);
      const lanes_f64 value =
          __builtin_convertvector((lanes_f32)(magnitude & kept & finite), lanes_f64);
      sum += value * value;
      // A group fits if all values that it would lose are zero.
      const lanes_i32 lost = (lanes_i32)(magnitude != 0) & ~kept;
      const lanes_i32 pairs = lost | __builtin_shufflevector(lost, lost, 1, 0, 3, 2, 5, 4, 7, 6, 9,
                                                             8, 11, 10, 13, 12, 15, 14);
      const lanes_i32 fours = pairs | __builtin_shufflevector(pairs, pairs, 2, 3, 0, 1, 6, 7, 4, 5,
                                                              10, 11, 8, 9, 14, 15, 12, 13);
      fitting += ~fours & 1;
    }
    for (int lane = 0; lane < LANES; lane += 4) fit->fitting += (uint32_t)fitting[lane];
    fit->groups += i / 4;
  }
  double rest = 0;
  for (; i < n; i += group) {
    const size_t count = n - i < group ? n - i : group;
    int fits = 1;
    for (size_t k = 0; k < count; k++) {
      const uint32_t magnitude = bits[i + k] & F32_MAGNITUDE;
      if (!is_kept(bits + i, count, k, keep)) {
        fits &= magnitude == 0;
      } else if (magnitude < 0x7F800000u) {
        const double value = (double)float_of(magnitude);
        rest += value * value;
      }
    }
    fit->groups += 1;
    fit->fitting += (uint64_t)fits;
  }
  fit->kept_squares += add_lanes(&sum) + rest;
}
