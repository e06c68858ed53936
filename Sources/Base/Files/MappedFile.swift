import Glibc
import SystemPackage

/// The bytes of a file, mapped read-only. The owner lends them as spans; used for headers and indexes.
@safe package struct MappedFile: ~Copyable, @unchecked Sendable {
  private let base: UnsafeMutableRawPointer?
  package let byteCount: Int

  init(descriptor: FileDescriptor, byteCount: Int, path: String) throws(FileError) {
    self.byteCount = byteCount
    guard byteCount > 0 else {
      unsafe base = nil
      return
    }
    let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor.rawValue, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw FileError("map", path, Errno(rawValue: errno))
    }
    unsafe base = address
  }

  deinit {
    // SAFETY: init created the mapping, and no span outlives its owner.
    if let base = unsafe base { _ = unsafe munmap(base, byteCount) }
  }

  package var bytes: RawSpan {
    @_lifetime(borrow self) borrowing get {
      guard let base = unsafe base else { return RawSpan() }
      // SAFETY: the mapping lives as long as self, which the result borrows.
      return unsafe _overrideLifetime(
        RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self)
    }
  }

  /// Calls `body` with the bytes. This is for owners that are stored in a class, which cannot lend a span.
  package func withBytes<Result, Failure: Error>(
    _ body: (borrowing RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(bytes)
  }
}
