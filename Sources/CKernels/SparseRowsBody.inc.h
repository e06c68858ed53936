// Products of sparse matrices with vectors that start at any place of one memory, for one real type. The including
// file defines REAL, REAL_LANES and NAME.

typedef REAL NAME(row_vector) __attribute__((vector_size(SUMAC_VECTOR_BYTES)));

enum {
  /// The number of elements of a vector that are computed together.
  NAME(ROW_BLOCK) = SUMAC_ROW_BLOCK_BYTES / sizeof(REAL),
  NAME(ROW_WIDTH) = SUMAC_VECTOR_BYTES / sizeof(REAL),
  NAME(ROW_VECTORS) = SUMAC_ROW_BLOCK_BYTES / SUMAC_VECTOR_BYTES,
};

typedef REAL NAME(row_quarter) __attribute__((vector_size(4 * sizeof(REAL))));

/// Copies the numbers of a row of an image, or adds them. Rows are too short for the functions of the library.
INLINE void NAME(move_row)(REAL *to, const REAL *from, size_t count, int adds) {
  size_t k = 0;
  for (; k + NAME(ROW_WIDTH) <= count; k += NAME(ROW_WIDTH)) {
    NAME(row_vector) values, old;
    memcpy(&values, from + k, sizeof values);
    if (adds) {
      memcpy(&old, to + k, sizeof old);
      values = old + values;
    }
    memcpy(to + k, &values, sizeof values);
  }
  for (; k + 4 <= count; k += 4) {
    NAME(row_quarter) values, old;
    memcpy(&values, from + k, sizeof values);
    if (adds) {
      memcpy(&old, to + k, sizeof old);
      values = old + values;
    }
    memcpy(to + k, &values, sizeof values);
  }
  for (; k < count; k++) to[k] = adds ? to[k] + from[k] : from[k];
}

static void NAME(sparse_rows)(const uint32_t *starts, const uint32_t *offsets, const void *weights,
                              size_t rows, const void *vectors, size_t first, size_t count,
                              void *results, size_t pitch) {
  const REAL *w = weights, *x = vectors;
  REAL *y = results;
  for (size_t block = first; block < first + count; block += NAME(ROW_BLOCK)) {
    for (size_t row = 0; row < rows; row++) {
      NAME(row_vector) sums[NAME(ROW_VECTORS)] = {{0}};
      for (uint32_t entry = starts[row]; entry < starts[row + 1]; entry++) {
        const REAL *from = x + offsets[entry] + block;
        const REAL weight = w[entry];
#pragma clang loop unroll(full)
        for (int i = 0; i < NAME(ROW_VECTORS); i++) {
          NAME(row_vector) values;
          memcpy(&values, from + i * NAME(ROW_WIDTH), sizeof values);
          sums[i] += values * weight;
        }
      }
      memcpy(y + row * pitch + block, sums, sizeof sums);
    }
  }
}

/// Returns the sum of the lanes, added in pairs.
INLINE REAL NAME(folded)(const REAL_LANES *lanes) {
  REAL sums[LANES];
  memcpy(sums, lanes, sizeof sums);
#pragma clang loop unroll(full)
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) sums[i] += sums[i + half];
  }
  return sums[0];
}

/// Adds the products of a vector with `entries` vectors to `sums`.
INLINE void NAME(add_dots)(const uint32_t *offsets, int entries, const REAL *vector, const REAL *others,
                           size_t count, REAL *sums) {
  REAL_LANES totals[4] = {{0}};
  for (size_t place = 0; place < count; place += LANES) {
    REAL_LANES shared;
    memcpy(&shared, vector + place, sizeof shared);
#pragma clang loop unroll(full)
    for (int i = 0; i < entries; i++) {
      REAL_LANES values;
      memcpy(&values, others + offsets[i] + place, sizeof values);
      totals[i] += shared * values;
    }
  }
  for (int i = 0; i < entries; i++) sums[i] += NAME(folded)(&totals[i]);
}

static void NAME(sparse_dots)(const uint32_t *starts, const uint32_t *offsets, size_t rows,
                              const void *vectors, size_t pitch, const void *others, size_t first,
                              size_t count, void *sums) {
  const REAL *g = vectors, *x = (const REAL *)others + first;
  REAL *results = sums;
  for (size_t row = 0; row < rows; row++) {
    const REAL *vector = g + row * pitch + first;
    uint32_t entry = starts[row];
    for (; entry + 4 <= starts[row + 1]; entry += 4) {
      NAME(add_dots)(offsets + entry, 4, vector, x, count, results + entry);
    }
    for (; entry < starts[row + 1]; entry++) {
      NAME(add_dots)(offsets + entry, 1, vector, x, count, results + entry);
    }
  }
}

/// The columns of a plane, of those with remainder `part`, that are inside of the image.
INLINE void NAME(plane_columns)(const sumac_planes *planes, size_t part, size_t *first, size_t *end) {
  const size_t stride = planes->stride, pad = planes->padding, last = planes->width + pad;
  *first = part < pad ? (pad - part + stride - 1) / stride : 0;
  *end = part < last ? (last - part + stride - 1) / stride : 0;
  if (*end > planes->pitch) *end = planes->pitch;
  if (*first > *end) *first = *end;
}

static void NAME(pack_planes)(const sumac_planes *planes, size_t first, size_t last, const void *values,
                              void *target) {
  const REAL *source = values;
  const size_t stride = planes->stride, pad = planes->padding, parts = stride * stride;
  for (size_t plane = first * parts; plane < last * parts; plane++) {
    const size_t channel = plane / parts, phase = plane % parts / stride, part = plane % stride;
    size_t begin, end;
    NAME(plane_columns)(planes, part, &begin, &end);
    REAL *to = (REAL *)target + plane * planes->channel_pitch;
    memset(to, 0, planes->channel_pitch * sizeof(REAL));
    to += planes->lead;
    for (size_t image = 0; image < planes->images; image++) {
      const REAL *rows = source + (image * planes->channels + channel) * planes->height * planes->width;
      for (size_t row = 0; row < planes->rows; row++, to += planes->pitch) {
        const size_t y = row * stride + phase - pad;
        if (y >= planes->height) continue;
        const REAL *from = rows + y * planes->width + begin * stride + part - pad;
        if (stride == 1) {
          NAME(move_row)(to + begin, from, end - begin, 0);
        } else {
          for (size_t k = begin; k < end; k++) to[k] = from[(k - begin) * stride];
        }
      }
    }
  }
}

INLINE void NAME(move_planes)(const sumac_planes *planes, size_t first, size_t last, const REAL *from,
                              REAL *values, int adds) {
  const size_t stride = planes->stride, pad = planes->padding, parts = stride * stride;
  for (size_t plane = first * parts; plane < last * parts; plane++) {
    const size_t channel = plane / parts, phase = plane % parts / stride, part = plane % stride;
    size_t begin, end;
    NAME(plane_columns)(planes, part, &begin, &end);
    const REAL *row_start = from + plane * planes->channel_pitch + planes->lead + begin;
    for (size_t image = 0; image < planes->images; image++) {
      REAL *rows = values + (image * planes->channels + channel) * planes->height * planes->width;
      for (size_t row = 0; row < planes->rows; row++, row_start += planes->pitch) {
        const size_t y = row * stride + phase - pad;
        if (y >= planes->height) continue;
        REAL *to = rows + y * planes->width + begin * stride + part - pad;
        if (stride == 1) {
          NAME(move_row)(to, row_start, end - begin, adds);
          continue;
        }
        for (size_t k = 0; k < end - begin; k++) {
          to[k * stride] = adds ? to[k * stride] + row_start[k] : row_start[k];
        }
      }
    }
  }
}

static void NAME(unpack_planes)(const sumac_planes *planes, size_t first, size_t last,
                                const void *values, void *target, int adds) {
  if (adds) NAME(move_planes)(planes, first, last, values, target, 1);
  else NAME(move_planes)(planes, first, last, values, target, 0);
}
