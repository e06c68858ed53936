import BLAS
package import Base
package import Checkpoints
package import Reporting
import TensorCore
import Zstd

/// The report of `doctor` about the machine and the program.
package struct Diagnosis: Report {
  package static let schema = "sumac.doctor/1"

  package static var zstdVersion: String { Zstd.version }

  private let facts: [Section.Fact]

  /// Creates the report; runs the main kernels for about a second.
  /// - Throws: ``InterruptedError`` if a stop is requested.
  package init(
    version: String, jobs: Int, memory: MemoryBudget, cancellation: Cancellation
  ) throws {
    facts =
      try [
        Section.Fact("sumac", version),
        Section.Fact("Swift", Self.compiler),
        Section.Fact("zstd", Zstd.version),
        Section.Fact("CPU level", Self.levels),
        Section.Fact("threads", Self.threads(jobs, of: .current())),
        Section.Fact(
          "memory",
          "at most \(ByteSize(memory.limit)), \(ByteSize(ResidentMemory.peakByteCount)) at start"),
      ] + SpeedCheck().facts + OpenBLASCheck(cancellation).facts
  }

  private static var levels: String {
    let levels = Kernels.levels.map(\.level)
    return "\(levels.last!) (this machine supports \(levels.joined(separator: ", ")))"
  }

  private static func threads(_ jobs: Int, of processors: ProcessorCount) -> String {
    "\(jobs) of \(processors.affinity) cores"
      + (processors.quota.map { ", \($0) by the quota of the control group" } ?? "")
  }

  private static var compiler: String {
    #if compiler(>=6.4)
      "6.4 or newer"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }

  package var sections: [Section] { [.facts(facts)] }

  package var records: Table {
    Table([Table.Column("key"), Table.Column("value")], rows: facts.map { [$0.label, $0.value] })
  }

  package var members: JSONObject { JSONObject(facts.map { ($0.label, .string($0.value)) }) }

  package var lines: [JSONValue] { [.object(members)] }
}

/// The throughput, in bytes per second on one thread, of the loops that dominate most commands.
struct SpeedCheck {
  private static let byteCount = 1 << 20
  private static let duration = Duration.milliseconds(120)

  let facts: [Section.Fact]

  init() {
    var random = SystemRandomNumberGenerator()
    var input = ByteBuffer(byteCount: Self.byteCount)
    var source = input.mutableBytes
    for byteOffset in stride(from: 0, to: Self.byteCount, by: 4) {
      let value = Float.random(in: -1...1, using: &random)
      source.storeLittleEndian(value.bitPattern, at: byteOffset)
    }
    var output = ByteBuffer(byteCount: 2 * Self.byteCount)
    var target = output.mutableBytes
    let zstd = Zstd()
    func measure(_ label: String, _ body: () throws -> Void) -> Section.Fact {
      let start = ContinuousClock.now
      var rounds = 0
      while ContinuousClock.now - start < Self.duration {
        guard (try? body()) != nil else { return Section.Fact(label, "failed") }
        rounds += 1
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let rate = Double(rounds * Self.byteCount) / seconds / 1e9
      return Section.Fact(label, "\(rate.formatted(digits: 3)) GB/s")
    }
    let kernels = Kernels.best
    facts = [
      measure("copy") { target.copy(source.bytes) },
      measure("F32 to BF16") {
        try kernels.convert(
          source.bytes, from: .f32, to: .bf16, elementCount: Self.byteCount / 4,
          saturating: false, into: &target)
      },
      measure("byte planes") {
        var planes = target._mutatingExtracting(0..<Self.byteCount)
        kernels.splitPlanes(source.bytes, width: 2, rotating: true, into: &planes)
      },
      measure("checksum") { _ = Kernels.xxh64(source.bytes) },
      measure("zstd, literals") {
        _ = try zstd.compress(source.bytes, into: &target, .literals)
      },
    ]
  }
}
