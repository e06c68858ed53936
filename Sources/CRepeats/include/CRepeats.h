#ifndef SUMAC_CREPEATS_H
#define SUMAC_CREPEATS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// The loops over texts and tokens for one CPU level. All levels give equal results.
typedef struct sumac_repeat_kernels {
  /// Writes the hashes of the words of `n` bytes of UTF-8 to `hashes`, which has room for `n / 2 + 1`, and returns their
  /// number. A word is a run of ASCII letters and digits, without regard to case, and of other characters above U+00BF
  /// except U+2000 to U+207F and U+3000 to U+303F.
  size_t (*hash_words)(const void *_Nullable text, size_t n, uint64_t *_Nullable hashes);

  /// Returns the place after the last separator of words in `n` bytes of UTF-8 whose last character may be cut, or 0 if
  /// there is none.
  size_t (*word_end)(const void *_Nullable text, size_t n);

  /// Writes a hash of each of `n` bytes.
  void (*hash_bytes)(const void *_Nullable bytes, size_t n, uint64_t *_Nullable hashes);

  /// Writes a hash of each of `n` numbers of 32 bits.
  void (*hash_tokens)(const void *_Nullable tokens, size_t n, uint64_t *_Nullable hashes);

  /// Writes the hash of each run of `width` units of `n`, which is `n - width + 1` hashes. `width` is 1 to `n`.
  void (*roll)(const uint64_t *units, size_t n, size_t width, uint64_t *hashes);

  /// Lowers each of `count` minima to the smallest of `factors[i] * high + terms[i]` modulo 2^32, where `high` is the
  /// upper half of one of `n` shingles. `count` is a multiple of 32.
  void (*min_hash)(uint32_t *minima, const uint32_t *factors, const uint32_t *terms, size_t count,
                   const uint64_t *_Nullable shingles, size_t n);
} sumac_repeat_kernels;

/// Returns the number of levels that this machine supports, at least 1.
size_t sumac_repeat_kernels_count(void);

/// Returns a level below that number, in ascending order.
const sumac_repeat_kernels *sumac_repeat_kernels_at(size_t index);

/// Returns `hash * base^n + …`, the hash of a sequence followed by `n` units.
uint64_t sumac_fold(const uint64_t *_Nullable units, size_t n, uint64_t base, uint64_t hash);

/// Writes the places of the minima of all runs of `window` hashes, the last of equal ones, without the repetition of a
/// place, and returns their number. `places` has room for `n`; `n` is below 2^32.
size_t sumac_minima(const uint64_t *hashes, size_t n, size_t window, uint32_t *places);

/// A key with a value.
typedef struct sumac_record {
  uint64_t key;
  uint64_t value;
} sumac_record;

/// Sorts records by their keys; records with equal keys keep their order. `scratch` has room for `n`.
void sumac_sort_records(sumac_record *records, sumac_record *scratch, size_t n);

/// Sorts numbers. `scratch` has room for `n`.
void sumac_sort_keys(uint64_t *keys, uint64_t *scratch, size_t n);

/// Writes the suffix array of `text`: the starts of its `n` suffixes in order. `text[n - 1]` is 0 and the only 0, all
/// values are below `alphabet`. Returns 0, or -1 if there is not enough memory.
///
/// By induced sorting: Nong, Zhang, Chan, "Two efficient algorithms for linear time suffix array construction", IEEE
/// Transactions on Computers 60, 2011 (SA-IS). Time O(n), and 4 bytes for each symbol of the alphabet plus n / 8 bytes
/// besides the array.
int sumac_suffix_array(const int32_t *text, int32_t n, int32_t alphabet, int32_t *array);

/// Sets `marks[p]` to 1 for each start p of `length` symbols that occur at another place too and at none before p, and
/// to 3 if they occur before p. `prefixes` is scratch memory for `n` numbers.
///
/// The lengths of common prefixes come from Kärkkäinen, Manzini, Puglisi, "Permuted longest-common-prefix array", CPM
/// 2009. Time O(n).
void sumac_mark_repeats(const int32_t *text, int32_t n, const int32_t *array, int32_t length,
                        int32_t *prefixes, uint8_t *marks);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif

#endif
