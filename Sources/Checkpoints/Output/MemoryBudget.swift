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

  package init(limit: Int) { self.limit = limit }

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
    let base =
      ResidentMemory.currentByteCount + MemoryReservation.totalByteCount + demand.fixedByteCount
      + Self.reserveByteCount
    let worker = demand.workerByteCount + Self.threadByteCount
    // Planning may have used more memory than the work does; what it has freed is used again.
    let past = ResidentMemory.peakByteCount
    func peak(_ workers: Int) -> Int { max(past, base + workers * worker) }
    guard peak(1) <= limit else {
      throw UsageError(
        "\(setting: "memory") \(ByteSize(limit)) is too little: this operation needs at least \(ByteSize(peak(1)))",
        hint: "pass \(setting: "memory") \((peak(1) >> 20) + 1)MiB or more")
    }
    let fitting = (limit - base) / worker
    let workers = max(1, min(jobs, fitting, tiles, (valueByteCount >> 20) + 1))
    return Allotment(workers: workers, peakByteCount: peak(workers))
  }
}
