import BLAS
import Base

/// Prints the speed of matrix products for one and more workers, and the highest rate of the processor.
///
/// Each figure is the best of the calls in a second, because other programs slow some of them down.
@main
struct BLASBench {
  static func main() throws {
    let cancellation = Cancellation()
    let kernels: KernelChoice = CommandLine.arguments.contains("portable") ? .portable : .native
    let blas = try BLAS.load(kernels, crew: Crew(jobs: 1, cancellation: cancellation))
    print("OpenBLAS \(blas.library.version), \(blas.library.coreName), \(blas.library.path)")
    let peak = ProductSpeed.peakRate(duration: .seconds(1))
    print("fused multiply-adds in registers, one thread: \(text(peak)) GFLOP/s\n")
    print("float32 product   1 worker   of peak   2 workers   ratio")
    for size in [64, 128, 256, 512, 1_024, 2_048] {
      let one = try ProductSpeed.productRate(blas, size: size, duration: .seconds(1))
      let two = try ProductSpeed.productRate(
        try BLAS.load(kernels, crew: Crew(jobs: 2, cancellation: cancellation)), size: size,
        duration: .seconds(1))
      let cells = [
        text(one), "\(text(100 * one / peak)) %", text(two), text(two / one),
      ]
      print(padded("\(size)^3", 15) + cells.map { padded($0, 11) }.joined())
    }
    print("\ncost of a call of a crew, trivial pieces")
    for jobs in [1, 2, 4] {
      let crew = Crew(jobs: jobs, cancellation: cancellation)
      let busy = try cost(crew, pausing: false)
      let asleep = try cost(crew, pausing: true)
      print("\(jobs) workers: \(text(busy)) µs, after a pause \(text(asleep)) µs")
    }
  }

  /// Returns the median time of a call with two pieces, in microseconds.
  private static func cost(_ crew: Crew, pausing: Bool) throws -> Double {
    var times: [Double] = []
    for _ in 0..<(pausing ? 300 : 20_000) {
      if pausing {
        let end = ContinuousClock.now + .milliseconds(1)
        while ContinuousClock.now < end {}
      }
      let start = ContinuousClock.now
      try crew.forEach(count: 2) { _ in }
      times.append((ContinuousClock.now - start) / .microseconds(1))
    }
    return times.sorted()[times.count / 2]
  }

  private static func text(_ value: Double) -> String { value.formatted(digits: 3) }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
