// The highest rate of multiplications and additions.

// Enough independent sums to hide the latency of an instruction, and few enough to stay in registers.
enum { PEAK_SUMS = 12 };

typedef float peak_vector __attribute__((vector_size(SUMAC_VECTOR_BYTES)));

static double multiply_add_rounds(size_t rounds, float factor, float *result) {
  const peak_vector x = factor - (peak_vector){0};
  const peak_vector y = (1 - factor) - (peak_vector){0};
  peak_vector sums[PEAK_SUMS];
#pragma clang loop unroll(full)
  for (int i = 0; i < PEAK_SUMS; i++) sums[i] = y * (float)i;
  for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < PEAK_SUMS; i++) {
#ifdef SUMAC_HAS_FMA
      sums[i] = __builtin_elementwise_fma(sums[i], x, y);
#else
      sums[i] = sums[i] * x + y;
#endif
    }
  }
  peak_vector sum = sums[0];
#pragma clang loop unroll(full)
  for (int i = 1; i < PEAK_SUMS; i++) sum += sums[i];
  *result = sum[0];
  return 2.0 * PEAK_SUMS * (SUMAC_VECTOR_BYTES / sizeof(float)) * (double)rounds;
}
