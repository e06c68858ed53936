import ArgumentParser
import BLAS

/// The option for the kernels of matrix products.
struct KernelFlags: ParsableArguments {
  @Option(
    help:
      "Kernels of the matrix products: the fastest, or those with the same bits on every AVX2 processor."
  )
  var kernels = KernelChoice.native
}

extension KernelChoice: ExpressibleByArgument {}
