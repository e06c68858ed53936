import Glibc
import SystemPackage

/// The bytes of a file or of a part of it, mapped read-only. The owner lends them as spans; used for indexes.
@safe package struct MappedFile: ~Copyable, @unchecked Sendable {
  /// The first mapped page; nil if there are no bytes.
  private let base: UnsafeMutableRawPointer?
  /// The number of mapped bytes before the first byte of the range.
  private let padding: Int
  package let byteCount: Int

  init(_ file: DiskFile, _ range: Range<Int>) throws(FileError) {
    byteCount = range.count
    padding = range.lowerBound % Int(getpagesize())
    guard byteCount > 0 else {
      unsafe base = nil
      return
    }
    let address = unsafe mmap(
      nil, padding + byteCount, PROT_READ, MAP_SHARED, file.descriptor.rawValue,
      range.lowerBound - padding)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw FileError("map", file.name, Errno(rawValue: errno))
    }
    unsafe base = address
  }

  deinit {
    // SAFETY: init created the mapping, and no span outlives its owner.
    if let base = unsafe base { _ = unsafe munmap(base, padding + byteCount) }
  }

  package var bytes: RawSpan {
    @_lifetime(borrow self) borrowing get {
      guard let base = unsafe base else { return RawSpan() }
      // SAFETY: the mapping lives as long as self, which the result borrows.
      return unsafe _overrideLifetime(
        RawSpan(_unsafeStart: base + padding, byteCount: byteCount), borrowing: self)
    }
  }

  /// Calls `body` with the bytes. This is for owners that are stored in a class, which cannot lend a span.
  package func withBytes<Result, Failure: Error>(
    _ body: (borrowing RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(bytes)
  }
}
