import Base

/// The division of the memory of a scan between the tables of documents and the work.
struct ScanMemory: Sendable {
  /// The limit of resident memory.
  let limit: Int

  /// The memory that is left for libraries and what no plan counts.
  private static let reserveByteCount = 8 << 20
  private static let leastWorkByteCount = 2 * CorpusPass.byteCountPerBatch
  /// The memory for a file besides its path.
  static let byteCountPerSource = 256
  /// The memory for an entry in each list of a report.
  private static let byteCountPerEntry = 2 << 10

  /// Returns the memory that the tables of `documentCount` documents leave for the work.
  /// - Parameters:
  ///   - pathByteCount: The memory for the files and their paths.
  ///   - listLength: The number of entries in each list of the report.
  /// - Throws: ``UsageError`` if it is too little.
  func workByteCount(
    documentCount: Int, pathByteCount: Int = 0, listLength: Int = 0
  ) throws(UsageError) -> Int {
    let left = limit - ResidentMemory.currentByteCount - Self.reserveByteCount
    let tables =
      documentCount * DocumentFacts.byteCountPerDocument + pathByteCount
      + listLength * Self.byteCountPerEntry
    let work = left - tables
    let missing = Self.leastWorkByteCount - work
    guard missing <= 0 else {
      let lists = listLength > 0 ? " and lists of \(listLength.grouped)" : ""
      throw UsageError(
        "\(setting: "memory") \(ByteSize(limit)) is too little for \(documentCount.counted("document"))\(lists)",
        hint: "pass \(setting: "memory") \((limit + missing) >> 20 + 1)MiB or more")
    }
    return work
  }
}
