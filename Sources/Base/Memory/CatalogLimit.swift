/// The size of a catalog of tensors, as a header states it before the catalog is built.
package struct CatalogSize: Sendable, Equatable {
  package var tensorCount: Int
  /// The number of elements of lists, such as shapes, beyond two for each tensor.
  package var listElementCount: Int
  /// The length of the header, which contains all names.
  package var headerByteCount: Int

  package init(tensorCount: Int, listElementCount: Int = 0, headerByteCount: Int) {
    self.tensorCount = tensorCount
    self.listElementCount = listElementCount
    self.headerByteCount = headerByteCount
  }

  /// The memory for each element of a shape; arrays grow by doubling.
  private static let elementByteCount = 16

  /// Returns the memory for the catalog in bytes, besides that of the header itself.
  package func byteCount(perTensor: Int) -> Int {
    tensorCount * perTensor + listElementCount * Self.elementByteCount + headerByteCount
  }
}

/// The use of a catalog, which needs memory for each tensor in addition to the catalog.
///
/// The estimates come from measured peaks with 10,000 to 1,600,000 tensors, with a reserve of at least 5 %: reports with
/// statistics and packed outputs need the most, other reports and safetensors outputs down to about half as much.
package enum CatalogUse: Sendable {
  /// A report with a row for each tensor, in any format.
  case report
  /// An output: its plan, and the index or the header that is written.
  case output

  /// Returns the memory in bytes.
  /// - Parameter headerByteCount: The length of the header, a bound on the length of all names.
  package func byteCount(tensorCount: Int, headerByteCount: Int = 0) -> Int {
    switch self {
    case .report: 1728 * tensorCount + 2 * headerByteCount
    case .output: 3328 * tensorCount + 5 * headerByteCount
    }
  }
}

/// The limit on resident memory, which readers check before they build a catalog.
package struct CatalogLimit: Sendable {
  /// No limit, for the library and for files that the program has written itself.
  package static let none = CatalogLimit(byteCount: .max, use: .report)

  private let byteCount: Int
  private let use: CatalogUse
  /// The number of bytes that readers may keep of what they decode; see ``KeptBytes``.
  package let keptByteCount: Int

  package init(byteCount: Int, use: CatalogUse, keptByteCount: Int = 0) {
    self.byteCount = byteCount
    self.use = use
    self.keptByteCount = keptByteCount
  }

  /// Checks that a catalog and its use fit into the limit. Call it when the header is in memory.
  /// - Parameter perTensor: The memory of the catalog of this format for each tensor, in bytes.
  /// - Throws: ``UsageError`` with the memory that is needed.
  package func check(
    _ size: CatalogSize, perTensor: Int, path: String
  ) throws(UsageError) {
    guard byteCount < .max else { return }
    let additional =
      size.byteCount(perTensor: perTensor)
      + use.byteCount(tensorCount: size.tensorCount, headerByteCount: size.headerByteCount)
    var needed = ResidentMemory.currentByteCount + additional
    if needed > byteCount, KeptBytes.totalByteCount > 0 {
      KeptBytes.releaseAll()
      needed = ResidentMemory.currentByteCount + additional
    }
    guard needed > byteCount else { return }
    // The memory in use differs by some MiB from run to run.
    let enough = (needed >> 20) + 8
    throw UsageError(
      "\(path.printable): the catalog of \(size.tensorCount.counted("tensor")) needs about "
        + "\(ByteSize(needed)), but \(setting: "memory") is \(ByteSize(byteCount))",
      hint: "pass \(setting: "memory") \(enough)MiB or more")
  }
}
