// The main function for builds without libFuzzer; libFuzzer has its own.

int sumac_fuzz_main(int count, char **arguments);

__attribute__((weak)) int main(int count, char **arguments) {
  return sumac_fuzz_main(count, arguments);
}
