// Windows of images for one real type. The including file defines REAL and NAME.

/// The columns of the output whose windows have column `offset` inside of the image.
INLINE void NAME(inside)(const sumac_windows *windows, size_t offset, size_t *first, size_t *end) {
  const size_t stride = windows->stride_width, pad = windows->padding_width;
  const size_t columns = windows->output_width, last = windows->width + pad;
  *first = offset < pad ? (pad - offset + stride - 1) / stride : 0;
  *end = offset < last ? (last - offset + stride - 1) / stride : 0;
  if (*end > columns) *end = columns;
  if (*first > *end) *first = *end;
}

/// Writes the numbers of a channel at one offset of the windows, with stride 1 and an output as wide as the image: the
/// rows are one vector of the image, except for columns outside.
INLINE void NAME(fill_shifted)(const sumac_windows *windows, const REAL *plane, size_t i, size_t first, size_t end,
                               size_t shift, REAL *to) {
  const size_t width = windows->width, pad = windows->padding_height;
  // The rows of the output that are inside, and those of the image that they show.
  const size_t top = i < pad ? pad - i : 0;
  size_t bottom = i < windows->height + pad ? windows->height + pad - i : 0;
  if (bottom > windows->output_height) bottom = windows->output_height;
  if (top >= bottom || first >= end) {
    for (size_t k = 0; k < windows->output_height * width; k++) to[k] = 0;
    return;
  }
  const size_t start = top * width + first, last = (bottom - 1) * width + end;
  for (size_t k = 0; k < start; k++) to[k] = 0;
  NAME(move_row)(to + start, &plane[(top + i - pad) * width + first + shift], last - start, 0);
  for (size_t row = top; row + 1 < bottom; row++) {
    for (size_t k = row * width + end; k < (row + 1) * width + first; k++) to[k] = 0;
  }
  for (size_t k = last; k < windows->output_height * width; k++) to[k] = 0;
}

// Calls of memset would take longer than the few numbers that are cleared.
__attribute__((no_builtin("memset"))) static void NAME(fill_windows)(const sumac_windows *windows,
                                                                     const void *image, void *matrix,
                                                                     size_t pitch) {
  const REAL *x = image;
  REAL *rows = matrix;
  const size_t stride = windows->stride_width, columns = windows->output_width;
  const int is_shifted = stride == 1 && windows->stride_height == 1 && columns == windows->width;
  for (size_t channel = 0; channel < windows->channels; channel++) {
    const REAL *plane = x + channel * windows->height * windows->width;
    for (size_t i = 0; i < windows->kernel_height; i++) {
      for (size_t j = 0; j < windows->kernel_width; j++, rows += pitch) {
        size_t first, end;
        NAME(inside)(windows, j, &first, &end);
        const size_t shift = j - windows->padding_width;
        if (is_shifted) {
          NAME(fill_shifted)(windows, plane, i, first, end, shift, rows);
          continue;
        }
        REAL *restrict to = rows;
        for (size_t row = 0; row < windows->output_height; row++, to += columns) {
          const size_t y = row * windows->stride_height + i - windows->padding_height;
          if (y >= windows->height) {
            for (size_t k = 0; k < columns; k++) to[k] = 0;
            continue;
          }
          const size_t from = y * windows->width + first * stride + shift;
          for (size_t k = 0; k < first; k++) to[k] = 0;
          for (size_t k = first; k < end; k++) to[k] = plane[from + (k - first) * stride];
          for (size_t k = end; k < columns; k++) to[k] = 0;
        }
      }
    }
  }
}

static void NAME(add_windows)(const sumac_windows *windows, const void *matrix, size_t pitch, void *image) {
  REAL *x = image;
  const REAL *rows = matrix;
  const size_t stride = windows->stride_width;
  for (size_t channel = 0; channel < windows->channels; channel++) {
    REAL *plane = x + channel * windows->height * windows->width;
    for (size_t i = 0; i < windows->kernel_height; i++) {
      for (size_t j = 0; j < windows->kernel_width; j++, rows += pitch) {
        size_t first, end;
        NAME(inside)(windows, j, &first, &end);
        const REAL *from = rows;
        for (size_t row = 0; row < windows->output_height; row++, from += windows->output_width) {
          const size_t y = row * windows->stride_height + i - windows->padding_height;
          if (y >= windows->height) continue;
          const size_t to = y * windows->width + first * stride + j - windows->padding_width;
          if (stride == 1) {
            NAME(move_row)(plane + to, from + first, end - first, 1);
          } else {
            for (size_t k = first; k < end; k++) plane[to + (k - first) * stride] += from[k];
          }
        }
      }
    }
  }
}

/// Returns the place of the largest number of a window, the first of equal ones; that of the first NaN if there is one.
INLINE size_t NAME(largest)(const sumac_windows *windows, const REAL *x, size_t row, size_t column) {
  const size_t top = row * windows->stride_height, left = column * windows->stride_width;
  const size_t pad_y = windows->padding_height, pad_x = windows->padding_width;
  const size_t y0 = top < pad_y ? 0 : top - pad_y, x0 = left < pad_x ? 0 : left - pad_x;
  size_t y1 = top + windows->kernel_height - pad_y, x1 = left + windows->kernel_width - pad_x;
  if (y1 > windows->height) y1 = windows->height;
  if (x1 > windows->width) x1 = windows->width;
  size_t best = y0 * windows->width + x0;
  REAL value = x[best];
  for (size_t y = y0; y < y1; y++) {
    for (size_t k = x0; k < x1; k++) {
      const size_t place = y * windows->width + k;
      const REAL other = x[place];
      const int is_larger = (other > value) | ((other != other) & (value == value));
      best = is_larger ? place : best;
      value = is_larger ? other : value;
    }
  }
  return best;
}

/// True for windows of two rows and columns that lie side by side.
INLINE int NAME(are_pairs)(const sumac_windows *windows) {
  return windows->kernel_height == 2 && windows->kernel_width == 2 && windows->stride_height == 2 &&
         windows->stride_width == 2 && windows->padding_height == 0 && windows->padding_width == 0;
}

/// Replaces the largest number and its place by another one if that is larger, or the first NaN.
INLINE void NAME(replace_smaller)(REAL other, int place, REAL *value, int *best) {
  const int is_larger = (other > *value) | ((other != other) & (*value == *value));
  *best = is_larger ? place : *best;
  *value = is_larger ? other : *value;
}

/// Finds the largest number of each window of a row of windows, and its place among four.
INLINE int NAME(largest_of_pairs)(const REAL *top, const REAL *bottom, size_t column, REAL *value) {
  int best = 0;
  *value = top[2 * column];
  NAME(replace_smaller)(top[2 * column + 1], 1, value, &best);
  NAME(replace_smaller)(bottom[2 * column], 2, value, &best);
  NAME(replace_smaller)(bottom[2 * column + 1], 3, value, &best);
  return best;
}

static void NAME(largest_in_windows)(const sumac_windows *windows, const void *image, void *results) {
  const REAL *x = image;
  REAL *y = results;
  const int are_pairs = NAME(are_pairs)(windows);
  for (size_t channel = 0; channel < windows->channels; channel++) {
    for (size_t row = 0; row < windows->output_height; row++) {
      if (are_pairs) {
        const REAL *top = x + 2 * row * windows->width, *bottom = top + windows->width;
        REAL *restrict to = y;
        for (size_t column = 0; column < windows->output_width; column++) {
          NAME(largest_of_pairs)(top, bottom, column, to + column);
        }
        y += windows->output_width;
        continue;
      }
      for (size_t column = 0; column < windows->output_width; column++) {
        *y++ = x[NAME(largest)(windows, x, row, column)];
      }
    }
    x += windows->height * windows->width;
  }
}

static void NAME(add_to_largest)(const sumac_windows *windows, const void *image, const void *terms,
                                 void *sums) {
  const REAL *x = image, *from = terms;
  REAL *to = sums;
  const int are_pairs = NAME(are_pairs)(windows);
  for (size_t channel = 0; channel < windows->channels; channel++) {
    for (size_t row = 0; row < windows->output_height; row++) {
      if (are_pairs) {
        const size_t start = 2 * row * windows->width;
        const REAL *top = x + start, *bottom = top + windows->width;
        REAL *restrict upper = to + start, *restrict lower = upper + windows->width;
        for (size_t column = 0; column < windows->output_width; column++) {
          REAL value;
          const int best = NAME(largest_of_pairs)(top, bottom, column, &value);
          const REAL term = from[column];
          upper[2 * column] += best == 0 ? term : 0;
          upper[2 * column + 1] += best == 1 ? term : 0;
          lower[2 * column] += best == 2 ? term : 0;
          lower[2 * column + 1] += best == 3 ? term : 0;
        }
        from += windows->output_width;
        continue;
      }
      for (size_t column = 0; column < windows->output_width; column++) {
        to[NAME(largest)(windows, x, row, column)] += *from++;
      }
    }
    x += windows->height * windows->width;
    to += windows->height * windows->width;
  }
}
