import Glibc

/// Memory with one owner that lends it as spans. It is aligned to 64 bytes and not initialized.
@safe package struct ByteBuffer: ~Copyable, @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  package let byteCount: Int

  private static let hugePageByteCount = 2 << 20
  /// The minimum size for which the buffer requests huge pages.
  private static let hugeByteCount = 4 << 20

  package init(byteCount: Int) {
    precondition(byteCount >= 0)
    self.byteCount = byteCount
    // SAFETY: allocate never returns nil; the pointer leaves this type only inside spans.
    guard byteCount >= Self.hugeByteCount else {
      unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(1, byteCount), alignment: 64)
      return
    }
    // Pages of 2 MiB, where the system supports them, avoid thousands of page faults.
    unsafe base = UnsafeMutableRawPointer.allocate(
      byteCount: byteCount, alignment: Self.hugePageByteCount)
    unsafe _ = madvise(base, byteCount, MADV_HUGEPAGE)
  }

  deinit {
    // SAFETY: `base` came from allocate and no span outlives its owner.
    unsafe base.deallocate()
  }

  package var bytes: RawSpan {
    @_lifetime(borrow self) borrowing get {
      // SAFETY: the memory lives as long as self, which the result borrows.
      unsafe _overrideLifetime(
        RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self)
    }
  }

  package var mutableBytes: MutableRawSpan {
    @_lifetime(&self) mutating get {
      // SAFETY: as above, and the span has exclusive access to self.
      unsafe _overrideLifetime(
        MutableRawSpan(_unsafeStart: base, byteCount: byteCount), mutating: &self)
    }
  }
}
