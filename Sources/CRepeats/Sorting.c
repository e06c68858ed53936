// Sorting by keys of 64 bits, digit by digit from the lowest, and the minima of runs of hashes.

#include <string.h>

#include "CRepeats.h"

enum { DIGIT_BITS = 8, DIGITS = 64 / DIGIT_BITS, VALUES = 1 << DIGIT_BITS };

static unsigned digit(uint64_t key, int number) {
  return (unsigned)(key >> (DIGIT_BITS * number)) & (VALUES - 1);
}

/// Turns the numbers of keys with each digit into the places of the first ones; returns 1 if all keys have the same digit.
static int places(size_t *counts, size_t n) {
  size_t sum = 0;
  for (int value = 0; value < VALUES; value++) {
    const size_t count = counts[value];
    if (count == n) return 1;
    counts[value] = sum;
    sum += count;
  }
  return 0;
}

void sumac_sort_records(sumac_record *records, sumac_record *scratch, size_t n) {
  static const size_t few = 2;
  if (n < few) return;
  size_t counts[DIGITS][VALUES];
  memset(counts, 0, sizeof counts);
  for (size_t i = 0; i < n; i++) {
    for (int number = 0; number < DIGITS; number++) counts[number][digit(records[i].key, number)]++;
  }
  sumac_record *from = records, *to = scratch;
  for (int number = 0; number < DIGITS; number++) {
    if (places(counts[number], n)) continue;
    for (size_t i = 0; i < n; i++) to[counts[number][digit(from[i].key, number)]++] = from[i];
    sumac_record *swap = from;
    from = to, to = swap;
  }
  if (from != records) memcpy(records, from, n * sizeof *records);
}

void sumac_sort_keys(uint64_t *keys, uint64_t *scratch, size_t n) {
  if (n < 2) return;
  size_t counts[DIGITS][VALUES];
  memset(counts, 0, sizeof counts);
  for (size_t i = 0; i < n; i++) {
    for (int number = 0; number < DIGITS; number++) counts[number][digit(keys[i], number)]++;
  }
  uint64_t *from = keys, *to = scratch;
  for (int number = 0; number < DIGITS; number++) {
    if (places(counts[number], n)) continue;
    for (size_t i = 0; i < n; i++) to[counts[number][digit(from[i], number)]++] = from[i];
    uint64_t *swap = from;
    from = to, to = swap;
  }
  if (from != keys) memcpy(keys, from, n * sizeof *keys);
}

uint64_t sumac_fold(const uint64_t *units, size_t n, uint64_t base, uint64_t hash) {
  for (size_t i = 0; i < n; i++) hash = hash * base + units[i];
  return hash;
}

size_t sumac_minima(const uint64_t *hashes, size_t n, size_t window, uint32_t *places) {
  size_t count = 0, lowest = 0;
  if (window == 0 || n < window) return 0;
  for (size_t i = 0; i < n; i++) {
    if (hashes[i] <= hashes[lowest]) {
      lowest = i;
    } else if (lowest + window <= i) {
      lowest = i - window + 1;
      for (size_t k = lowest + 1; k <= i; k++) {
        if (hashes[k] <= hashes[lowest]) lowest = k;
      }
    }
    if (i + 1 >= window && (count == 0 || places[count - 1] != lowest)) {
      places[count++] = (uint32_t)lowest;
    }
  }
  return count;
}
