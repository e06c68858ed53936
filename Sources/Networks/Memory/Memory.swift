import Base
import Glibc

/// Memory for numbers, with one owner. It is part of an arena, which counts it until it is freed.
///
/// An operation writes the memory of the value that it creates, its workers in ranges that do not overlap. After the
/// operation, the memory is only read, except that gradients are added to until they are complete.
@safe package final class Memory<Scalar: NetworkScalar>: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Scalar>
  package let count: Int
  private let arena: Arena

  private var byteCount: Int { count * MemoryLayout<Scalar>.stride }

  /// Creates memory for `count` numbers, which are 0 if `isZero`, and undefined otherwise.
  package init(_ count: Int, isZero: Bool = false, in arena: Arena) {
    self.count = count
    self.arena = arena
    // SAFETY: the pointer leaves this type only inside spans. All bytes are set before they are read: to 0 here, or by the
    // operation that created the memory.
    unsafe base = arena.allocate(count * MemoryLayout<Scalar>.stride)
      .bindMemory(to: Scalar.self, capacity: arena.isCounting ? 0 : count)
    // SAFETY: numbers whose bytes are 0 are 0.
    if isZero, !arena.isCounting { unsafe memset(base, 0, byteCount) }
  }

  deinit {
    // SAFETY: `base` came from the arena, numbers need no deinitialization, and no span outlives its owner.
    unsafe arena.free(UnsafeMutableRawPointer(base), byteCount)
  }

  /// The numbers; none in a counting arena.
  package var span: Span<Scalar> {
    @_lifetime(borrow self) get {
      // SAFETY: the memory lives as long as self, which the result borrows.
      unsafe _overrideLifetime(
        Span(_unsafeStart: base, count: arena.isCounting ? 0 : count), borrowing: self)
    }
  }

  /// The numbers, to be written in a range that no other worker reads or writes.
  package var mutableSpan: MutableSpan<Scalar> {
    @_lifetime(borrow self) get {
      // SAFETY: as above; the description of the type says who writes.
      unsafe _overrideLifetime(
        MutableSpan(_unsafeStart: base, count: arena.isCounting ? 0 : count), borrowing: self)
    }
  }
}
