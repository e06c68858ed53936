package import Base
import Glibc

/// Resident memory that a command may take, and how it is shared between workers.
package struct MemoryBudget: Sendable {
  package static let leastByteCount = 32 << 20
  package static let standardByteCount = 2 << 30
  /// What a thread touches of its stack and of the allocator's bookkeeping.
  private static let threadByteCount = 128 << 10
  /// For what no plan counts: error paths, the page tables of the program itself.
  private static let reserveByteCount = 3 << 19

  package let limit: Int

  package init(limit: Int) { self.limit = limit }

  /// What a writer needs: once, and for each worker.
  package struct Demand: Sendable, Equatable {
    package var fixedByteCount: Int
    package var workerByteCount: Int

    package init(fixedByteCount: Int, workerByteCount: Int) {
      self.fixedByteCount = fixedByteCount
      self.workerByteCount = workerByteCount
    }
  }

  package struct Allotment: Sendable, Equatable {
    package var workers: Int
    /// Never less than what is then measured.
    package var peakByteCount: Int
  }

  /// As many workers as asked for, or as fit.
  ///
  /// A worker is worth its start only for a MiB of values or more.
  /// - Parameters:
  ///   - tiles: pieces of work, of which a worker does at least one.
  ///   - valueByteCount: bytes of all of them.
  package func allot(
    _ demand: Demand, jobs: Int, tiles: Int, valueByteCount: Int
  ) throws(UsageError) -> Allotment {
    let base = ResidentMemory.peakByteCount + demand.fixedByteCount + Self.reserveByteCount
    let worker = demand.workerByteCount + Self.threadByteCount
    func peak(_ workers: Int) -> Int { base + workers * worker }
    guard peak(1) <= limit else {
      throw UsageError(
        "\(setting: "memory") \(ByteSize(limit)) is too little: this needs at least \(ByteSize(peak(1)))",
        hint: "pass \(setting: "memory") \((peak(1) >> 20) + 1)MiB or more")
    }
    let fitting = (limit - base) / worker
    let workers = max(1, min(jobs, fitting, tiles, (valueByteCount >> 20) + 1))
    return Allotment(workers: workers, peakByteCount: peak(workers))
  }
}

/// The memory of this process that is in use, mapped pages included.
package enum ResidentMemory {
  /// The most that was ever in use: `VmHWM`.
  package static var peakByteCount: Int { kibibytes(of: "VmHWM:") << 10 }

  private static func kibibytes(of key: String) -> Int {
    guard let file = unsafe fopen("/proc/self/status", "re") else { return 0 }
    defer { _ = unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    // SAFETY: fgets writes at most 256 bytes, zero-terminated.
    while unsafe fgets(&line, 256, file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if text.hasPrefix(key) { return Int(text.split { !$0.isNumber }.first ?? "") ?? 0 }
    }
    return 0
  }
}
