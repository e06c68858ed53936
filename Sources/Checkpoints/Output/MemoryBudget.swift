package import Base

/// The maximum resident memory of a command, and its division between workers.
package struct MemoryBudget: Sendable {
  package static let leastByteCount = 32 << 20
  package static let standardByteCount = 2 << 30
  /// The stack and allocator memory that a thread touches.
  private static let threadByteCount = 128 << 10
  /// A reserve for memory that no plan counts, such as error paths and page tables.
  private static let reserveByteCount = 3 << 19

  package let limit: Int
  /// The part of the limit for work that runs beside other work; nil if all of it is available.
  private var part: Part?

  /// A part of the limit, with the memory that is in use without any of the work that runs side by side.
  private struct Part: Sendable {
    var byteCount: Int
    var residentByteCount: Int
  }

  package init(limit: Int) { self.limit = limit }

  /// Returns the budget for work that runs beside other work and gets `byteCount` bytes of the limit.
  /// - Parameter residentByteCount: The resident memory before any of the work started.
  package func part(_ byteCount: Int, residentByteCount: Int) -> MemoryBudget {
    var budget = self
    budget.part = Part(byteCount: byteCount, residentByteCount: residentByteCount)
    return budget
  }

  /// The number of bytes that readers may keep of what they decode, so that it is decoded once: less than half of the limit,
  /// and nothing for work that runs beside other work.
  package var keptByteCount: Int {
    part == nil ? max(0, limit / 2 - Self.unkeptByteCount) : 0
  }

  /// The memory for what readers need besides the bytes that they keep, such as the window of a decoder.
  private static let unkeptByteCount = 96 << 20

  /// The resident memory that the work may reach, in bytes: the limit, or the part of it for work beside other work.
  package var available: Int { part.map { $0.residentByteCount + $0.byteCount } ?? limit }

  /// Returns the memory that work needs with this number of workers, besides what is in use already.
  package static func byteCount(_ demand: Demand, workers: Int) -> Int {
    demand.fixedByteCount + reserveByteCount
      + workers * (demand.workerByteCount + threadByteCount)
  }

  /// The memory that a writer needs: once, and for each worker.
  package struct Demand: Sendable, Equatable {
    package var fixedByteCount: Int
    package var workerByteCount: Int

    package init(fixedByteCount: Int, workerByteCount: Int) {
      self.fixedByteCount = fixedByteCount
      self.workerByteCount = workerByteCount
    }
  }

  /// The number of workers and their memory.
  package struct Allotment: Sendable, Equatable {
    package var workers: Int
    /// The planned peak; the measured peak does not exceed it.
    package var peakByteCount: Int
  }

  /// Returns the number of workers: as many as requested, or as fit into the limit.
  ///
  /// Starting a worker pays off from about 1 MiB of values.
  /// - Parameters:
  ///   - tiles: The number of pieces of work; there are no more workers than pieces.
  ///   - valueByteCount: The number of bytes of all pieces.
  package func allot(
    _ demand: Demand, jobs: Int, tiles: Int, valueByteCount: Int
  ) throws(UsageError) -> Allotment {
    let limit = available
    var base = self.base(demand)
    let worker = demand.workerByteCount + Self.threadByteCount
    let useful = max(1, min(jobs, tiles, (valueByteCount >> 20) + 1))
    // Decoding again costs less than an error, or fewer workers.
    if base + useful * worker > limit, KeptBytes.totalByteCount > 0 {
      KeptBytes.releaseAll()
      base = self.base(demand)
    }
    // Planning may have used more memory than the work does; what it has freed is used again.
    let past = part == nil ? ResidentMemory.peakByteCount : 0
    func peak(_ workers: Int) -> Int { max(past, base + workers * worker) }
    guard peak(1) <= limit else {
      throw UsageError(
        "\(setting: "memory") \(ByteSize(limit)) is too little: this operation needs at least \(ByteSize(peak(1)))",
        hint: "pass \(setting: "memory") \((peak(1) >> 20) + 1)MiB or more")
    }
    let fitting = (limit - base) / worker
    let workers = max(1, min(useful, fitting))
    return Allotment(workers: workers, peakByteCount: peak(workers))
  }

  /// The memory in use, that of readers, and that of the work without its workers.
  private func base(_ demand: Demand) -> Int {
    (part?.residentByteCount ?? ResidentMemory.currentByteCount)
      + MemoryReservation.totalByteCount + demand.fixedByteCount + Self.reserveByteCount
  }
}
