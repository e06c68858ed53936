// Kernels for statistics and pruning of chunks of F32 values.

typedef uint16_t lanes_u16 __attribute__((ext_vector_type(LANES)));

/// Sets each lane to all ones if its bit is set in the 16 bits of a mask, otherwise to zero.
INLINE void lanes_of_mask(uint32_t bits, lanes_i32 *lanes) {
  const lanes_i32 lane_bits = {1,       1 << 1,  1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                            1 << 8,  1 << 9,  1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
  *lanes = (lanes_i32)((((lanes_i32){0} + (int32_t)bits) & lane_bits) != 0);
}

typedef _Bool lanes_bool __attribute__((ext_vector_type(LANES)));

/// Returns a mask with one bit for each lane, which is set if the lane is not zero.
INLINE uint32_t mask_of_lanes(const lanes_i32 *lanes) {
  const lanes_bool set = __builtin_convertvector(*lanes != 0, lanes_bool);
  uint16_t bits;
  memcpy(&bits, &set, sizeof bits);
  return bits;
}

static void exclude(void *values, size_t n, const void *mask, int marked) {
  any_u32 *bits = values;
  const uint8_t *set = mask;
  const uint32_t flip = marked ? 0xFFFF : 0;
  const lanes_i32 nan = (lanes_i32){0} + 0x7FC00000;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    lanes_i32 x, kept;
    memcpy(&x, bits + i, sizeof x);
    lanes_of_mask((set[i / 8] | (uint32_t)set[i / 8 + 1] << 8) ^ flip, &kept);
    x = (x & kept) | (nan & ~kept);
    memcpy(bits + i, &x, sizeof x);
  }
  for (; i < n; i++) {
    if (((set[i / 8] >> i % 8 & 1) ^ (flip & 1)) == 0) bits[i] = 0x7FC00000;
  }
}

static void clear_unmasked(void *values, size_t width, size_t n, const void *mask) {
  const uint8_t *set = mask;
  size_t i = 0;
  switch (width) {
  case 1: {
    uint8_t *v = values;
    for (; i < n; i++) v[i] &= (uint8_t)-(set[i / 8] >> i % 8 & 1);
    return;
  }
  case 2: {
    any_u16 *v = values;
    for (; i + LANES <= n; i += LANES) {
      lanes_i32 kept;
      lanes_of_mask(set[i / 8] | (uint32_t)set[i / 8 + 1] << 8, &kept);
      lanes_u16 x;
      memcpy(&x, v + i, sizeof x);
      x &= __builtin_convertvector(kept, lanes_u16);
      memcpy(v + i, &x, sizeof x);
    }
    for (; i < n; i++) v[i] &= (uint16_t)-(set[i / 8] >> i % 8 & 1);
    return;
  }
  case 4: {
    any_u32 *v = values;
    for (; i + LANES <= n; i += LANES) {
      lanes_i32 x, kept;
      lanes_of_mask(set[i / 8] | (uint32_t)set[i / 8 + 1] << 8, &kept);
      memcpy(&x, v + i, sizeof x);
      x &= kept;
      memcpy(v + i, &x, sizeof x);
    }
    for (; i < n; i++) v[i] &= -(uint32_t)(set[i / 8] >> i % 8 & 1);
    return;
  }
  default: {
    any_u64 *v = values;
    for (; i < n; i++) v[i] &= -(uint64_t)(set[i / 8] >> i % 8 & 1);
    return;
  }
  }
}

static void survey_histogram(const void *values, size_t n, uint64_t *counts) {
  const any_u32 *bits = values;
  for (size_t i = 0; i < n; i++) {
    const uint32_t magnitude = bits[i] & F32_MAGNITUDE;
    counts[magnitude >> 15] += (uint64_t)1 << 36 | (magnitude & 0x7FFF);
  }
}

/// Adds, for each of two bounds, the squares of the finite magnitudes whose upper bits exceed it, in lanes.
INLINE void add_squares_above(const any_u32 *bits, size_t n, const uint32_t *above,
                              double *squares) {
  lanes_f64 sums[2] = {{0}, {0}};
  const lanes_i32 first = (lanes_i32){0} + (int32_t)above[0];
  const lanes_i32 second = (lanes_i32){0} + (int32_t)above[1];
  const lanes_i32 low = first < second ? first : second;
  for (size_t i = 0; i < n; i += LANES) {
    lanes_i32 x = {0};
    if (n - i >= LANES) {
      memcpy(&x, bits + i, sizeof x);
    } else {
      memcpy(&x, bits + i, 4 * (n - i));
    }
    const lanes_i32 magnitude = x & INT32_MAX;
    const lanes_i32 upper = magnitude >> 15;
    const lanes_i32 used =
        (lanes_i32)(upper > low) & (lanes_i32)(magnitude < 0x7F800000);
    if (__builtin_reduce_or(used) == 0) continue;
    const lanes_i32 in_first = used & (lanes_i32)(upper > first);
    const lanes_i32 in_second = used & (lanes_i32)(upper > second);
    const lanes_f64 a = __builtin_convertvector((lanes_f32)(magnitude & in_first), lanes_f64);
    const lanes_f64 b = __builtin_convertvector((lanes_f32)(magnitude & in_second), lanes_f64);
    sums[0] += a * a;
    sums[1] += b * b;
  }
  squares[0] += add_lanes(&sums[0]);
  squares[1] += add_lanes(&sums[1]);
}

static uint64_t collect_slots(const void *values, size_t n, const void *slots,
                              const uint32_t *above, void *found, double *squares) {
  const any_u32 *bits = values;
  const uint8_t *slot_of = slots;
  any_u32 *to = found;
  uint64_t count = 0;
  for (size_t i = 0; i < n; i++) {
    const uint32_t magnitude = bits[i] & F32_MAGNITUDE;
    const uint32_t slot = slot_of[magnitude >> 15];
    to[count] = slot << 15 | (magnitude & 0x7FFF);
    count += slot != 255;
  }
  add_squares_above(bits, n, above, squares);
  return count;
}

static void column_peaks(const void *values, size_t rows, size_t columns, void *peaks) {
  const any_u32 *bits = values;
  any_u32 *peak = peaks;
  for (size_t row = 0; row < rows; row++) {
    const any_u32 *from = bits + row * columns;
    for (size_t j = 0; j < columns; j++) {
      const uint32_t magnitude = from[j] & F32_MAGNITUDE;
      const uint32_t usable = magnitude < 0x7F800000u ? magnitude : 0;
      peak[j] = usable > peak[j] ? usable : peak[j];
    }
  }
}

static uint32_t select_rank(const void *values, size_t n, size_t rank, void *scratch) {
  const any_u32 *from = values;
  any_u32 *to = scratch;
  size_t left = n;
  // The digits have 11, 10 and 10 bits, from the top. Each pass keeps the values whose digit is that of the rank.
  static const int shifts[] = {20, 10, 0};
  uint32_t result = 0;
  for (int pass = 0; pass < 3; pass++) {
    const int shift = shifts[pass];
    const uint32_t mask = pass == 0 ? 0x7FF : 0x3FF;
    uint32_t counts[1 << 11] = {0};
    for (size_t i = 0; i < left; i++) counts[(from[i] & F32_MAGNITUDE) >> shift & mask]++;
    uint32_t digit = 0;
    while (rank >= counts[digit]) rank -= counts[digit++];
    result |= digit << shift;
    size_t kept = 0;
    for (size_t i = 0; i < left; i++) {
      const uint32_t magnitude = from[i] & F32_MAGNITUDE;
      if ((magnitude >> shift & mask) == digit) to[kept++] = magnitude;
    }
    from = to;
    left = kept;
  }
  return result;
}
