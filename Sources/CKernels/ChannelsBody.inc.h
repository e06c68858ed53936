// Channels of images for one real type. The including file defines REAL, REAL_LANES and NAME.

/// Sets `lanes` to the values from `x` on; those from the `rest`-th on are `padding`.
INLINE void NAME(load_padded)(const REAL *x, size_t rest, REAL padding, REAL_LANES *lanes) {
  REAL values[LANES];
  for (size_t i = 0; i < LANES; i++) values[i] = padding;
  for (size_t i = 0; i < rest; i++) values[i] = x[i];
  memcpy(lanes, values, sizeof *lanes);
}

/// Adds up `expression` of the lanes `a` of x and `b` of y in an image. Lanes after its end are `padding` and 0.
#define LANE_SUM(total, x, y, size, padding, expression)                       \
  do {                                                                         \
    REAL_LANES lanes = {0}, a, b;                                              \
    size_t place = 0;                                                          \
    for (; place + LANES <= (size); place += LANES) {                          \
      memcpy(&a, (x) + place, sizeof a);                                       \
      memcpy(&b, (y) + place, sizeof b);                                       \
      lanes += (expression);                                                   \
    }                                                                          \
    if (place < (size)) {                                                      \
      NAME(load_padded)((x) + place, (size) - place, padding, &a);             \
      NAME(load_padded)((y) + place, (size) - place, 0, &b);                   \
      lanes += (expression);                                                   \
    }                                                                          \
    (total) += NAME(folded)(&lanes);                                           \
  } while (0)

static void NAME(channel_moments)(const sumac_channel *channel, const void *values, void *moments) {
  const REAL *x = values;
  const REAL count = (REAL)(channel->images * channel->size);
  REAL total = 0, squares = 0;
  for (size_t image = 0; image < channel->images; image++) {
    const REAL *from = x + image * channel->pitch;
    LANE_SUM(total, from, from, channel->size, 0, a);
  }
  const REAL mean = total / count;
  for (size_t image = 0; image < channel->images; image++) {
    const REAL *from = x + image * channel->pitch;
    LANE_SUM(squares, from, from, channel->size, mean, (a - mean) * (a - mean));
  }
  ((REAL *)moments)[0] = mean;
  ((REAL *)moments)[1] = squares / count;
}

static void NAME(normalize_channel)(const sumac_channel *channel, const void *values, double mean,
                                    double factor, double scale, double shift, void *results) {
  const REAL m = (REAL)mean, f = (REAL)factor, w = (REAL)scale, b = (REAL)shift;
  for (size_t image = 0; image < channel->images; image++) {
    const REAL *restrict x = (const REAL *)values + image * channel->pitch;
    REAL *restrict y = (REAL *)results + image * channel->pitch;
    for (size_t i = 0; i < channel->size; i++) y[i] = (x[i] - m) * f * w + b;
  }
}

static void NAME(normal_sums)(const sumac_channel *channel, const void *values, const void *slopes,
                              double mean, double factor, void *sums) {
  const REAL m = (REAL)mean, f = (REAL)factor;
  REAL sum = 0, product = 0;
  for (size_t image = 0; image < channel->images; image++) {
    const REAL *x = (const REAL *)values + image * channel->pitch;
    const REAL *g = (const REAL *)slopes + image * channel->pitch;
    LANE_SUM(sum, g, x, channel->size, 0, a);
    LANE_SUM(product, g, x, channel->size, 0, a * (b - m) * f);
  }
  ((REAL *)sums)[0] = sum;
  ((REAL *)sums)[1] = product;
}

static void NAME(add_normal_slopes)(const sumac_channel *channel, const void *values, const void *slopes,
                                    double mean, double offset, double share, double factor,
                                    double scale, void *sums) {
  const REAL m = (REAL)mean, o = (REAL)offset, s = (REAL)share, f = (REAL)factor, w = (REAL)scale;
  for (size_t image = 0; image < channel->images; image++) {
    const REAL *restrict x = (const REAL *)values + image * channel->pitch;
    const REAL *restrict g = (const REAL *)slopes + image * channel->pitch;
    REAL *restrict to = (REAL *)sums + image * channel->pitch;
    for (size_t i = 0; i < channel->size; i++) to[i] += (g[i] - o - (x[i] - m) * s) * f * w;
  }
}
