import Base

/// The division of the memory of a scan between the tables of documents and the work.
struct ScanMemory: Sendable {
  /// The limit of resident memory.
  let limit: Int

  /// The memory that is left for libraries and what no plan counts.
  private static let reserveByteCount = 8 << 20
  private static let leastWorkByteCount = 2 * CorpusPass.byteCountPerBatch

  /// Returns the memory that the tables of `documentCount` documents leave for the work.
  /// - Throws: ``UsageError`` if it is too little.
  func workByteCount(documentCount: Int) throws(UsageError) -> Int {
    let left = limit - ResidentMemory.currentByteCount - Self.reserveByteCount
    let work = left - documentCount * DocumentFacts.byteCountPerDocument
    let missing = Self.leastWorkByteCount - work
    guard missing <= 0 else {
      throw UsageError(
        "\(setting: "memory") \(ByteSize(limit)) is too little for \(documentCount.counted("document"))",
        hint: "pass \(setting: "memory") \((limit + missing) >> 20 + 1)MiB or more")
    }
    return work
  }
}
