import Glibc

/// Memory that one owner holds and lends as spans; aligned to 64 bytes, not cleared.
@safe package struct ByteBuffer: ~Copyable, @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  package let byteCount: Int

  package init(byteCount: Int) {
    precondition(byteCount >= 0)
    self.byteCount = byteCount
    // SAFETY: allocate never returns nil; the pointer leaves this type only inside spans.
    unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(1, byteCount), alignment: 64)
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
      // SAFETY: as above, and self is held exclusively while the span lives.
      unsafe _overrideLifetime(
        MutableRawSpan(_unsafeStart: base, byteCount: byteCount), mutating: &self)
    }
  }
}
