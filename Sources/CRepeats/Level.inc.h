// The loops of one CPU level. The including file defines
//   SUMAC_TABLE         the name of the table to define,
//   SUMAC_VECTOR_BYTES  the bytes of its vectors.

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef uint32_t __attribute__((vector_size(SUMAC_VECTOR_BYTES), aligned(4), may_alias)) any_lanes;
typedef uint32_t __attribute__((vector_size(SUMAC_VECTOR_BYTES))) lanes;

/// The finalizer of MurmurHash3, a permutation of 64-bit numbers.
INLINE uint64_t mix(uint64_t hash) {
  hash = (hash ^ hash >> 33) * 0xFF51AFD7ED558CCDu;
  hash = (hash ^ hash >> 33) * 0xC4CEB9FE1A85EC53u;
  return hash ^ hash >> 33;
}

/// The byte of a word without case, or 0 for a byte that separates words.
INLINE uint8_t folded(uint8_t byte) {
  if (byte >= 'a' && byte <= 'z') return byte;
  if (byte >= '0' && byte <= '9') return byte;
  if (byte >= 'A' && byte <= 'Z') return (uint8_t)(byte | 0x20);
  return byte >= 0x80 ? byte : 0;
}

/// The length of the separator above ASCII that starts at `next`, or 0.
INLINE size_t separator(const uint8_t *next, size_t rest) {
  if (rest >= 2 && next[0] == 0xC2) return 2;
  if (rest >= 3 && next[0] == 0xE2 && (next[1] == 0x80 || next[1] == 0x81)) return 3;
  if (rest >= 3 && next[0] == 0xE3 && next[1] == 0x80) return 3;
  return 0;
}

static size_t hash_words(const void *text, size_t n, uint64_t *hashes) {
  const uint8_t *bytes = text;
  const uint64_t start = 0xCBF29CE484222325u, prime = 0x00000100000001B3u;
  uint8_t table[256];
  for (int byte = 0; byte < 256; byte++) table[byte] = folded((uint8_t)byte);
  size_t count = 0, i = 0;
  while (i < n) {
    uint64_t hash = start;
    const size_t first = i;
    for (; i < n; i++) {
      const uint8_t byte = table[bytes[i]];
      if (byte == 0 || (byte >= 0xC2 && separator(bytes + i, n - i) > 0)) break;
      hash = (hash ^ byte) * prime;
    }
    if (i > first) hashes[count++] = mix(hash);
    if (i < n) {
      const size_t length = separator(bytes + i, n - i);
      i += length > 0 ? length : 1;
    }
  }
  return count;
}

static size_t word_end(const void *text, size_t n) {
  const uint8_t *bytes = text;
  for (size_t i = n; i-- > 0;) {
    const size_t length = separator(bytes + i, n - i);
    if (length > 0) return i + length;
    if (folded(bytes[i]) == 0) return i + 1;
  }
  return 0;
}

static void hash_bytes(const void *bytes, size_t n, uint64_t *hashes) {
  const uint8_t *next = bytes;
  uint64_t table[256];
  for (int byte = 0; byte < 256; byte++) table[byte] = mix(0x9E3779B97F4A7C15u * (uint64_t)(byte + 1));
  for (size_t i = 0; i < n; i++) hashes[i] = table[next[i]];
}

static void hash_tokens(const void *tokens, size_t n, uint64_t *hashes) {
  const uint8_t *next = tokens;
  for (size_t i = 0; i < n; i++) {
    uint32_t token;
    memcpy(&token, next + 4 * i, sizeof token);
    hashes[i] = mix(0x9E3779B97F4A7C15u * ((uint64_t)token + 1));
  }
}

static void roll(const uint64_t *units, size_t n, size_t width, uint64_t *hashes) {
  const uint64_t base = 0x9E3779B97F4A7C15u;
  uint64_t power = 1, hash = 0;
  for (size_t i = 0; i < width; i++) {
    hash = hash * base + units[i];
    power *= base;
  }
  hashes[0] = mix(hash);
  for (size_t i = width; i < n; i++) {
    hash = hash * base + units[i] - power * units[i - width];
    hashes[i - width + 1] = mix(hash);
  }
}

static void min_hash(uint32_t *minima, const uint32_t *factors, const uint32_t *terms, size_t count,
                     const uint64_t *shingles, size_t n) {
  enum { WIDTH = SUMAC_VECTOR_BYTES / 4, BLOCK = 32, VECTORS = BLOCK / WIDTH };
  for (size_t first = 0; first < count; first += BLOCK) {
    lanes lowest[VECTORS], factor[VECTORS], term[VECTORS];
    for (int k = 0; k < VECTORS; k++) {
      lowest[k] = *(const any_lanes *)(minima + first + WIDTH * k);
      factor[k] = *(const any_lanes *)(factors + first + WIDTH * k);
      term[k] = *(const any_lanes *)(terms + first + WIDTH * k);
    }
    for (size_t i = 0; i < n; i++) {
      const uint32_t high = (uint32_t)(shingles[i] >> 32);
      for (int k = 0; k < VECTORS; k++) {
        lowest[k] = __builtin_elementwise_min(lowest[k], factor[k] * high + term[k]);
      }
    }
    for (int k = 0; k < VECTORS; k++) *(any_lanes *)(minima + first + WIDTH * k) = lowest[k];
  }
}

const sumac_repeat_kernels SUMAC_TABLE = {
    .hash_words = hash_words,
    .word_end = word_end,
    .hash_bytes = hash_bytes,
    .hash_tokens = hash_tokens,
    .roll = roll,
    .min_hash = min_hash,
};
