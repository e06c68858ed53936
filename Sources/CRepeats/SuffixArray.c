// The suffix array of a text by induced sorting, and the repeats that it shows.

#include <stdlib.h>
#include <string.h>

#include "CRepeats.h"

/// A bit for each suffix: 1 if it is smaller than the next one (S-type), 0 if it is larger (L-type).
typedef struct {
  uint8_t *bits;
} types;

static int is_small(types kinds, int32_t i) { return kinds.bits[i >> 3] >> (i & 7) & 1; }

static void set_small(types kinds, int32_t i) { kinds.bits[i >> 3] |= (uint8_t)(1 << (i & 7)); }

/// True for an S-type suffix after an L-type one, a leftmost S-type suffix.
static int is_leftmost(types kinds, int32_t i) {
  return i > 0 && is_small(kinds, i) && !is_small(kinds, i - 1);
}

static void classify(const int32_t *text, int32_t n, types kinds) {
  set_small(kinds, n - 1);
  for (int32_t i = n - 2; i >= 0; i--) {
    if (text[i] < text[i + 1] || (text[i] == text[i + 1] && is_small(kinds, i + 1))) {
      set_small(kinds, i);
    }
  }
}

/// Writes the first place of the bucket of each symbol, or the place after its last one.
static void find_buckets(const int32_t *text, int32_t n, int32_t alphabet, int32_t *buckets, int ends) {
  memset(buckets, 0, (size_t)alphabet * sizeof *buckets);
  for (int32_t i = 0; i < n; i++) buckets[text[i]]++;
  int32_t sum = 0;
  for (int32_t symbol = 0; symbol < alphabet; symbol++) {
    const int32_t count = buckets[symbol];
    buckets[symbol] = ends ? sum + count : sum;
    sum += count;
  }
}

/// Sorts all suffixes from the leftmost S-type ones, which are in the array.
static void induce(const int32_t *text, int32_t n, int32_t alphabet, types kinds, int32_t *array,
                   int32_t *buckets) {
  find_buckets(text, n, alphabet, buckets, 0);
  for (int32_t i = 0; i < n; i++) {
    const int32_t j = array[i] - 1;
    if (j >= 0 && !is_small(kinds, j)) array[buckets[text[j]]++] = j;
  }
  find_buckets(text, n, alphabet, buckets, 1);
  for (int32_t i = n - 1; i >= 0; i--) {
    const int32_t j = array[i] - 1;
    if (j >= 0 && is_small(kinds, j)) array[--buckets[text[j]]] = j;
  }
}

/// True if the substrings from one leftmost S-type suffix to the next are equal at `a` and `b`.
static int equal_substrings(const int32_t *text, int32_t n, types kinds, int32_t a, int32_t b) {
  for (int32_t d = 0;; d++) {
    if (a + d >= n || b + d >= n) return 0;
    if (text[a + d] != text[b + d] || is_small(kinds, a + d) != is_small(kinds, b + d)) return 0;
    if (d > 0 && (is_leftmost(kinds, a + d) || is_leftmost(kinds, b + d))) {
      return is_leftmost(kinds, a + d) && is_leftmost(kinds, b + d);
    }
  }
}

/// Moves the sorted leftmost S-type suffixes to the front of the array and writes their names, which number equal
/// substrings in order, to its end. Returns the number of names.
static int32_t name_substrings(const int32_t *text, int32_t n, types kinds, int32_t *array,
                               int32_t *count) {
  int32_t m = 0;
  for (int32_t i = 0; i < n; i++) {
    if (is_leftmost(kinds, array[i])) array[m++] = array[i];
  }
  for (int32_t i = m; i < n; i++) array[i] = -1;
  int32_t names = 0, last = -1;
  for (int32_t i = 0; i < m; i++) {
    const int32_t place = array[i];
    if (last < 0 || !equal_substrings(text, n, kinds, last, place)) names++;
    last = place;
    // Two such suffixes are at least two places apart.
    array[m + place / 2] = names - 1;
  }
  for (int32_t i = n - 1, j = n - 1; i >= m; i--) {
    if (array[i] >= 0) array[j--] = array[i];
  }
  *count = m;
  return names;
}

int sumac_suffix_array(const int32_t *text, int32_t n, int32_t alphabet, int32_t *array) {
  if (n <= 1) {
    if (n == 1) array[0] = 0;
    return 0;
  }
  types kinds = {calloc((size_t)n / 8 + 1, 1)};
  int32_t *buckets = malloc((size_t)alphabet * sizeof *buckets);
  int result = -1;
  if (!kinds.bits || !buckets) goto done;
  classify(text, n, kinds);

  find_buckets(text, n, alphabet, buckets, 1);
  for (int32_t i = 0; i < n; i++) array[i] = -1;
  for (int32_t i = 1; i < n; i++) {
    if (is_leftmost(kinds, i)) array[--buckets[text[i]]] = i;
  }
  induce(text, n, alphabet, kinds, array, buckets);

  int32_t m;
  const int32_t names = name_substrings(text, n, kinds, array, &m);
  int32_t *reduced = array + n - m;
  if (names < m) {
    if (sumac_suffix_array(reduced, m, names, array)) goto done;
  } else {
    for (int32_t i = 0; i < m; i++) array[reduced[i]] = i;
  }

  for (int32_t i = 1, j = 0; i < n; i++) {
    if (is_leftmost(kinds, i)) reduced[j++] = i;
  }
  for (int32_t i = 0; i < m; i++) array[i] = reduced[array[i]];
  for (int32_t i = m; i < n; i++) array[i] = -1;
  find_buckets(text, n, alphabet, buckets, 1);
  for (int32_t i = m - 1; i >= 0; i--) {
    const int32_t place = array[i];
    array[i] = -1;
    array[--buckets[text[place]]] = place;
  }
  induce(text, n, alphabet, kinds, array, buckets);
  result = 0;

done:
  free(kinds.bits);
  free(buckets);
  return result;
}

void sumac_mark_repeats(const int32_t *text, int32_t n, const int32_t *array, int32_t length,
                        int32_t *prefixes, uint8_t *marks) {
  // First the suffix before each one in the array, then the length of the prefix that both have, up to `length`.
  prefixes[array[0]] = -1;
  for (int32_t i = 1; i < n; i++) prefixes[array[i]] = array[i - 1];
  for (int32_t p = 0, common = 0; p < n; p++) {
    const int32_t q = prefixes[p];
    if (q < 0) {
      common = 0;
    } else {
      // The last symbol is unique, so that the suffixes differ before their ends.
      while (common < length && text[p + common] == text[q + common]) common++;
    }
    prefixes[p] = common;
    if (common > 0) common--;
  }
  for (int32_t i = 0; i < n;) {
    int32_t end = i + 1, first = array[i];
    for (; end < n && prefixes[array[end]] >= length; end++) {
      if (array[end] < first) first = array[end];
    }
    for (int32_t k = i; end - i > 1 && k < end; k++) marks[array[k]] = array[k] == first ? 1 : 3;
    i = end;
  }
}
