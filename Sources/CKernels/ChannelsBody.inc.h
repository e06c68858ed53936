// Channels of images for one real type. The including file defines REAL, REAL_LANES and NAME.

/// Sets `lanes` to the values from `x` on; those from the `rest`-th on are `padding`.
INLINE void NAME(load_padded)(const REAL *x, size_t rest, REAL padding, REAL_LANES *lanes) {
  REAL values[LANES];
  for (size_t i = 0; i < LANES; i++) values[i] = padding;
  for (size_t i = 0; i < rest; i++) values[i] = x[i];
  memcpy(lanes, values, sizeof *lanes);
}

/// Adds up `expression` of the lanes `a` of x in an image. Lanes after its end are `padding`.
#define LANE_SUM(total, x, size, padding, expression)                          \
  do {                                                                         \
    REAL_LANES lanes = {0}, a;                                                 \
    size_t place = 0;                                                          \
    for (; place + LANES <= (size); place += LANES) {                          \
      memcpy(&a, (x) + place, sizeof a);                                       \
      lanes += (expression);                                                   \
    }                                                                          \
    if (place < (size)) {                                                      \
      NAME(load_padded)((x) + place, (size) - place, padding, &a);             \
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
    LANE_SUM(total, from, channel->size, 0, a);
  }
  const REAL mean = total / count;
  for (size_t image = 0; image < channel->images; image++) {
    const REAL *from = x + image * channel->pitch;
    LANE_SUM(squares, from, channel->size, mean, (a - mean) * (a - mean));
  }
  ((REAL *)moments)[0] = mean;
  ((REAL *)moments)[1] = squares / count;
}

/// Computes (x - mean) * factor * scale + shift, plus the added value if there is one, and 0 for negative results if they
/// are rectified.
INLINE void NAME(normalize)(const sumac_channel *channel, const REAL *values, const sumac_normalization *of,
                            const REAL *added, int has_added, int rectifies, REAL *results) {
  const REAL m = (REAL)of->mean, f = (REAL)of->factor, w = (REAL)of->scale, b = (REAL)of->shift;
  for (size_t image = 0; image < channel->images; image++) {
    const size_t start = image * channel->pitch, end = start + channel->size;
    size_t i = start;
    for (; i + LANES <= end; i += LANES) {
      REAL_LANES y, a;
      memcpy(&y, values + i, sizeof y);
      y = (y - m) * f * w + b;
      if (has_added) {
        memcpy(&a, added + i, sizeof a);
        y += a;
      }
      if (rectifies) y = y < 0 ? (REAL_LANES){0} : y;
      memcpy(results + i, &y, sizeof y);
    }
    for (; i < end; i++) {
      REAL y = (values[i] - m) * f * w + b;
      if (has_added) y += added[i];
      results[i] = rectifies && y < 0 ? 0 : y;
    }
  }
}

static void NAME(normalize_channel)(const sumac_channel *channel, const void *values,
                                    const sumac_normalization *of, const void *added, int rectifies,
                                    void *results) {
  switch ((added != NULL) * 2 + (rectifies != 0)) {
  case 0: NAME(normalize)(channel, values, of, added, 0, 0, results); break;
  case 1: NAME(normalize)(channel, values, of, added, 0, 1, results); break;
  case 2: NAME(normalize)(channel, values, of, added, 1, 0, results); break;
  case 3: NAME(normalize)(channel, values, of, added, 1, 1, results); break;
  }
}

/// Adds the slopes of the lanes of a group, and their products, where the output is not at most 0.
INLINE void NAME(add_slopes)(const REAL_LANES *x, const REAL_LANES *g, const REAL_LANES *y, int has_outputs,
                             REAL m, REAL f, REAL_LANES *sums, REAL_LANES *products) {
  const REAL_LANES slopes = has_outputs ? (*y <= 0 ? (REAL_LANES){0} : *g) : *g;
  *sums += slopes;
  *products += slopes * (*x - m) * f;
}

INLINE void NAME(sum_slopes)(const sumac_channel *channel, const REAL *values, const REAL *slopes,
                             const REAL *outputs, int has_outputs, REAL m, REAL f, REAL *results) {
  REAL sum = 0, product = 0;
  for (size_t image = 0; image < channel->images; image++) {
    const size_t start = image * channel->pitch, end = start + channel->size;
    REAL_LANES sums = {0}, products = {0}, x, g, y = {0};
    size_t i = start;
    for (; i + LANES <= end; i += LANES) {
      memcpy(&x, values + i, sizeof x);
      memcpy(&g, slopes + i, sizeof g);
      if (has_outputs) memcpy(&y, outputs + i, sizeof y);
      NAME(add_slopes)(&x, &g, &y, has_outputs, m, f, &sums, &products);
    }
    if (i < end) {
      NAME(load_padded)(values + i, end - i, 0, &x);
      NAME(load_padded)(slopes + i, end - i, 0, &g);
      if (has_outputs) NAME(load_padded)(outputs + i, end - i, 0, &y);
      NAME(add_slopes)(&x, &g, &y, has_outputs, m, f, &sums, &products);
    }
    sum += NAME(folded)(&sums);
    product += NAME(folded)(&products);
  }
  results[0] = sum;
  results[1] = product;
}

static void NAME(normal_sums)(const sumac_channel *channel, const void *values, const void *slopes,
                              const void *outputs, const sumac_normalization *of, void *sums) {
  const REAL m = (REAL)of->mean, f = (REAL)of->factor;
  if (outputs != NULL) {
    NAME(sum_slopes)(channel, values, slopes, outputs, 1, m, f, sums);
  } else {
    NAME(sum_slopes)(channel, values, slopes, outputs, 0, m, f, sums);
  }
}

INLINE void NAME(compute_slopes)(const sumac_channel *channel, const REAL *values, const REAL *slopes,
                                 const REAL *outputs, int has_outputs, const sumac_normalization *of,
                                 REAL *sums, int adds) {
  const REAL m = (REAL)of->mean, o = (REAL)of->offset, s = (REAL)of->share;
  const REAL f = (REAL)of->factor, w = (REAL)of->scale;
  for (size_t image = 0; image < channel->images; image++) {
    const size_t start = image * channel->pitch, end = start + channel->size;
    size_t i = start;
    for (; i + LANES <= end; i += LANES) {
      REAL_LANES x, g, y, old;
      memcpy(&x, values + i, sizeof x);
      memcpy(&g, slopes + i, sizeof g);
      if (has_outputs) {
        memcpy(&y, outputs + i, sizeof y);
        g = y <= 0 ? (REAL_LANES){0} : g;
      }
      x = (g - o - (x - m) * s) * f * w;
      if (adds) {
        memcpy(&old, sums + i, sizeof old);
        x = old + x;
      }
      memcpy(sums + i, &x, sizeof x);
    }
    for (; i < end; i++) {
      const REAL g = has_outputs && outputs[i] <= 0 ? 0 : slopes[i];
      const REAL x = (g - o - (values[i] - m) * s) * f * w;
      sums[i] = adds ? sums[i] + x : x;
    }
  }
}

static void NAME(normal_slopes)(const sumac_channel *channel, const void *values, const void *slopes,
                                const void *outputs, const sumac_normalization *of, void *sums, int adds) {
  switch ((outputs != NULL) * 2 + (adds != 0)) {
  case 0: NAME(compute_slopes)(channel, values, slopes, outputs, 0, of, sums, 0); break;
  case 1: NAME(compute_slopes)(channel, values, slopes, outputs, 0, of, sums, 1); break;
  case 2: NAME(compute_slopes)(channel, values, slopes, outputs, 1, of, sums, 0); break;
  case 3: NAME(compute_slopes)(channel, values, slopes, outputs, 1, of, sums, 1); break;
  }
}

INLINE void NAME(rectify_slopes)(const sumac_channel *channel, const REAL *slopes, const REAL *outputs,
                                 REAL *sums, int adds) {
  for (size_t image = 0; image < channel->images; image++) {
    const size_t start = image * channel->pitch, end = start + channel->size;
    size_t i = start;
    for (; i + LANES <= end; i += LANES) {
      REAL_LANES g, y, old;
      memcpy(&g, slopes + i, sizeof g);
      memcpy(&y, outputs + i, sizeof y);
      g = y <= 0 ? (REAL_LANES){0} : g;
      if (adds) {
        memcpy(&old, sums + i, sizeof old);
        g = old + g;
      }
      memcpy(sums + i, &g, sizeof g);
    }
    for (; i < end; i++) {
      const REAL g = outputs[i] <= 0 ? 0 : slopes[i];
      sums[i] = adds ? sums[i] + g : g;
    }
  }
}

static void NAME(rectified_slopes)(const sumac_channel *channel, const void *slopes, const void *outputs,
                                   void *sums, int adds) {
  if (adds) NAME(rectify_slopes)(channel, slopes, outputs, sums, 1);
  else NAME(rectify_slopes)(channel, slopes, outputs, sums, 0);
}
