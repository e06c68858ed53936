import Glibc
import Synchronization

/// The memory of the values of a network: it counts the bytes in use and their peak.
///
/// Memory that was freed is kept for the next values, as far as no more than the peak is held, because the system takes
/// long to map new pages. A counting arena hands out no memory. Operations that run on it compute nothing, so that the
/// same functions return the peak of a run before it.
@safe package final class Arena: Sendable {
  /// Memory that nobody uses.
  @safe private struct Block: @unchecked Sendable {
    // SAFETY: a block is owned by the list of an arena, and leaves it before it is used or freed.
    let base: UnsafeMutableRawPointer
    let byteCount: Int
  }

  private struct State {
    var current = 0
    var peak = 0
    /// The number of bytes of `kept`.
    var keptByteCount = 0
    /// Freed blocks, the oldest first.
    var kept: [Block] = []

    /// Counts bytes as used, and returns the kept blocks to free. Afterwards, used and kept blocks together do not exceed
    /// the peak.
    mutating func add(_ byteCount: Int) -> ArraySlice<Block> {
      current += byteCount
      peak = max(peak, current)
      guard current + keptByteCount > peak else { return [] }
      var end = 0
      while current + keptByteCount > peak {
        keptByteCount -= kept[end].byteCount
        end += 1
      }
      let surplus = kept[..<end]
      kept.removeFirst(end)
      return surplus
    }
  }

  /// True if values have no memory.
  package let isCounting: Bool
  private let state = Mutex(State())

  /// Smaller blocks come from the C library, which reuses them.
  private static let keptByteCount = 1 << 16
  private static let hugePageByteCount = 2 << 20

  package init(isCounting: Bool = false) { self.isCounting = isCounting }

  deinit {
    // SAFETY: nobody uses the blocks of the list.
    state.withLock { state in for block in state.kept { unsafe block.base.deallocate() } }
  }

  /// The number of bytes in use.
  package var byteCount: Int { state.withLock { $0.current } }
  /// The largest number of bytes that were in use at the same time.
  package var peakByteCount: Int { state.withLock { $0.peak } }

  /// The number of bytes in use and of kept ones, at most ``peakByteCount``.
  package var heldByteCount: Int { state.withLock { $0.current + $0.keptByteCount } }

  func add(_ byteCount: Int) {
    // SAFETY: the blocks have left the list, and nobody uses them.
    for block in state.withLock({ $0.add(byteCount) }) {
      unsafe block.base.deallocate()
    }
  }

  func remove(_ byteCount: Int) { state.withLock { $0.current -= byteCount } }

  // MARK: Blocks

  /// Returns memory that is aligned to 64 bytes and not initialized. It counts as in use until `free`.
  @unsafe func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let found: Block? = state.withLock { state in
      guard let place = state.kept.lastIndex(where: { $0.byteCount == byteCount }) else {
        return nil
      }
      state.keptByteCount -= byteCount
      state.current += byteCount
      state.peak = max(state.peak, state.current)
      return state.kept.remove(at: place)
    }
    if let block = found { return unsafe block.base }
    add(byteCount)
    // SAFETY: allocate never returns nil.
    guard !isCounting, byteCount >= 2 * Self.hugePageByteCount else {
      return .allocate(byteCount: isCounting ? 1 : max(1, byteCount), alignment: 64)
    }
    let base = UnsafeMutableRawPointer.allocate(
      byteCount: byteCount, alignment: Self.hugePageByteCount)
    // Pages of 2 MiB, where the system supports them, are mapped and found faster. Only whole ones are asked for.
    let whole = byteCount / Self.hugePageByteCount * Self.hugePageByteCount
    unsafe _ = madvise(base, whole, MADV_HUGEPAGE)
    return unsafe base
  }

  /// Takes memory back that `allocate` returned for this number of bytes.
  @unsafe func free(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    guard !isCounting, byteCount >= Self.keptByteCount else {
      unsafe base.deallocate()
      return remove(byteCount)
    }
    // What is held stays the same, because the bytes in use become kept ones.
    state.withLock { state in
      state.current -= byteCount
      state.keptByteCount += byteCount
      state.kept.append(unsafe Block(base: base, byteCount: byteCount))
    }
  }
}
