import Glibc
import Synchronization

/// The memory of the values of a network: it counts the bytes in use and their peak.
///
/// Memory that was freed is kept for the next values of any size, as far as no more than the peak is held, because the
/// system takes long to map new pages. What exceeds the peak returns to the system. A counting arena hands out no memory.
/// Operations that run on it compute nothing, so that the same functions return the peak of a run before it.
@safe package final class Arena: Sendable {
  private struct State {
    var current = 0
    var peak = 0
    /// The free parts of the regions.
    var free = FreeSpans()
    /// The addresses of the regions, and the number of their bytes.
    var regions: [Int] = []
    var regionByteCount = 0

    /// Counts bytes as used, and returns kept pages to the system until used and kept ones together do not exceed the peak.
    mutating func add(_ byteCount: Int) {
      current += byteCount
      peak = max(peak, current)
      while current + free.mappedByteCount > peak,
        let range = free.unmap(Arena.paged(current + free.mappedByteCount - peak))
      {
        // SAFETY: whole pages of a region of this arena that nobody uses.
        unsafe _ = madvise(
          UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
      }
    }

    /// Returns the address of memory that nobody uses.
    mutating func take(_ byteCount: Int) -> Int {
      if let found = free.take(byteCount) { return found }
      // Each region is as large as all before it, so that there are few; pages are mapped when they are used.
      let page = Arena.hugePageByteCount
      let size = (max(byteCount, regionByteCount) + page - 1) / page * page
      // SAFETY: the arena deallocates its regions when it ends.
      let base = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: page)
      // Pages of 2 MiB, where the system supports them, are mapped and found faster.
      if size >= Arena.hugeRegionByteCount { unsafe _ = madvise(base, size, MADV_HUGEPAGE) }
      let start = Int(bitPattern: base)
      regions.append(start)
      regionByteCount += size
      if size > byteCount {
        free.add(start + byteCount, byteCount: size - byteCount, isMapped: false)
      }
      return start
    }
  }

  /// True if values have no memory.
  package let isCounting: Bool
  private let state = Mutex(State())

  /// Smaller blocks come from the C library, which reuses them.
  private static let regionBlockByteCount = 1 << 16
  private static let hugePageByteCount = 2 << 20
  /// Smaller regions have small pages, because a huge one is mapped as a whole.
  private static let hugeRegionByteCount = 16 << 20
  private static let pageByteCount = Int(getpagesize())

  package init(isCounting: Bool = false) { self.isCounting = isCounting }

  deinit {
    state.withLock { state in
      // SAFETY: nobody uses the regions any more.
      for start in state.regions {
        unsafe UnsafeMutableRawPointer(bitPattern: start)?.deallocate()
      }
    }
  }

  /// Returns the bytes of the whole pages that have room for `byteCount`.
  private static func paged(_ byteCount: Int) -> Int {
    (byteCount + pageByteCount - 1) / pageByteCount * pageByteCount
  }

  /// The number of bytes in use.
  package var byteCount: Int { state.withLock { $0.current } }
  /// The largest number of bytes that were in use at the same time.
  package var peakByteCount: Int { state.withLock { $0.peak } }

  /// The number of bytes in use and of kept ones, at most ``peakByteCount``.
  package var heldByteCount: Int { state.withLock { $0.current + $0.free.mappedByteCount } }

  func add(_ byteCount: Int) { state.withLock { $0.add(byteCount) } }

  func remove(_ byteCount: Int) { state.withLock { $0.current -= byteCount } }

  // MARK: Blocks

  /// Returns memory that is aligned to 64 bytes and not initialized. It counts as in use until `free`.
  @unsafe func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    guard !isCounting, byteCount >= Self.regionBlockByteCount else {
      add(byteCount)
      return .allocate(byteCount: isCounting ? 1 : max(1, byteCount), alignment: 64)
    }
    let start = state.withLock { state in
      let start = state.take(Self.paged(byteCount))
      state.add(byteCount)
      return start
    }
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: start) else {
      preconditionFailure("no region starts at address 0")
    }
    return unsafe base
  }

  /// Takes memory back that `allocate` returned for this number of bytes.
  @unsafe func free(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    guard !isCounting, byteCount >= Self.regionBlockByteCount else {
      unsafe base.deallocate()
      return remove(byteCount)
    }
    let start = Int(bitPattern: base)
    state.withLock { state in
      state.current -= byteCount
      state.free.add(start, byteCount: Self.paged(byteCount), isMapped: true)
      // Whole pages are kept, which may be more than the block.
      state.add(0)
    }
  }
}
