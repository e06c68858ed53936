/// A storage that the pickle refers to: a sequence of elements in a member of the archive or a section of the file.
struct TorchStorage: Equatable {
  /// The name of its member below `data/`, or its key in an older file.
  var key: String
  var type: StorageType
  /// The number of elements of the whole storage; bytes if it has no type.
  var elementCount: Int
  /// The part that is used, in elements, in older files where a storage can be a view of another one.
  var view: Range<Int>?
  /// The offset in the pickle, for messages.
  var pickleOffset: Int

  /// True if both are the same storage; views may differ.
  func isConsistent(with other: TorchStorage) -> Bool {
    type == other.type && elementCount == other.elementCount
  }

  /// The number of bytes of the whole storage; nil if it is too large.
  var byteCount: Int? {
    guard let size = type.byteCount else { return nil }
    let (bytes, overflow) = elementCount.multipliedReportingOverflow(by: size)
    return overflow ? nil : bytes
  }
}
