import Synchronization

/// Bytes that stay in memory so that they need not be decoded again, until the memory is needed for something else.
///
/// They are appended by one thread, and may then be read by any thread. All instances share one limit.
package final class KeptBytes: Sendable {
  /// The length of a block, for which the system may use huge pages.
  private static let blockByteCount = 4 << 20
  /// The instances that hold memory.
  private static let live = Mutex<[ObjectIdentifier: Storage]>([:])

  /// A full block, or the last one.
  private final class Block: Sendable {
    let bytes: ByteBuffer

    init(_ bytes: consuming ByteBuffer) { self.bytes = bytes }
  }

  /// The blocks, which may be released while they are read.
  private final class Storage: Sendable {
    struct State {
      var blocks: [Block] = []
      var isReleased = false
      /// Called when the blocks are released.
      var onRelease: @Sendable () -> Void = {}
    }

    let state = Mutex(State())

    var byteCount: Int { state.withLock { $0.blocks.count * KeptBytes.blockByteCount } }

    func release() {
      let onRelease = state.withLock { state in
        defer {
          state.blocks = []
          state.isReleased = true
          state.onRelease = {}
        }
        return state.onRelease
      }
      onRelease()
    }
  }

  /// An entry in the list of instances, as long as there is a builder or an instance.
  private final class Registration: Sendable {
    let storage = Storage()

    init() { KeptBytes.live.withLock { [storage] in $0[ObjectIdentifier(storage)] = storage } }

    deinit { KeptBytes.live.withLock { [storage] in $0[ObjectIdentifier(storage)] = nil } }
  }

  private let registration: Registration
  private let byteCount: Int

  private init(_ registration: Registration, byteCount: Int) {
    self.registration = registration
    self.byteCount = byteCount
  }

  /// The memory of all instances, in bytes.
  package static var totalByteCount: Int {
    live.withLock { Array($0.values) }.reduce(0) { $0 + $1.byteCount }
  }

  /// Frees the memory of all instances.
  package static func releaseAll() {
    let all = live.withLock { live in
      defer { live = [:] }
      return Array(live.values)
    }
    for storage in all { storage.release() }
  }

  /// Fills `destination` with the bytes from `byteOffset` on; returns false if they were released.
  @_lifetime(destination: copy destination)
  package func read(at byteOffset: Int, into destination: inout MutableRawSpan) -> Bool {
    precondition(byteOffset >= 0 && destination.byteCount <= byteCount - byteOffset)
    // The copy of the list keeps the blocks alive, whatever happens meanwhile.
    let blocks: [Block]? = registration.storage.state.withLock { $0.isReleased ? nil : $0.blocks }
    guard let blocks else { return false }
    var done = 0
    while done < destination.byteCount {
      let place = byteOffset + done
      let start = place % Self.blockByteCount
      let count = min(Self.blockByteCount - start, destination.byteCount - done)
      blocks[place / Self.blockByteCount].bytes.copy(
        start..<start + count, into: &destination, at: done)
      done += count
    }
    return true
  }

  // MARK: Building

  /// Collects the bytes of an instance, until they would exceed a limit.
  package struct Builder: ~Copyable {
    private let limit: Int
    private let registration = Registration()
    private var last = ByteBuffer(byteCount: 0)
    private var lastByteCount = 0
    private var byteCount = 0

    /// - Parameter limit: The number of bytes of all instances together.
    package init(limit: Int) { self.limit = limit }

    private var storage: Storage { registration.storage }

    /// Gives up all bytes unless there is room for `count` more.
    package mutating func require(_ count: Int) {
      let (needed, overflow) = count.addingReportingOverflow(KeptBytes.totalByteCount)
      if overflow || needed - (last.byteCount - lastByteCount) > limit { storage.release() }
    }

    /// Adds bytes, unless all were given up.
    package mutating func append(_ bytes: borrowing RawSpan) {
      var done = 0
      while done < bytes.byteCount {
        if lastByteCount == last.byteCount, !beginBlock() { return }
        let start = lastByteCount
        let count = min(last.byteCount - start, bytes.byteCount - done)
        var room = last.mutableBytes
        room.copy(bytes.extracting(done..<done + count), at: start)
        lastByteCount += count
        byteCount += count
        done += count
      }
    }

    /// Stores the full block and begins another one; returns false if all bytes are given up.
    private mutating func beginBlock() -> Bool {
      store()
      guard KeptBytes.totalByteCount + KeptBytes.blockByteCount <= limit else {
        storage.release()
        return false
      }
      guard !storage.state.withLock({ $0.isReleased }) else { return false }
      last = ByteBuffer(byteCount: KeptBytes.blockByteCount)
      return true
    }

    private mutating func store() {
      guard lastByteCount > 0 else { return }
      var full = ByteBuffer(byteCount: 0)
      swap(&full, &last)
      lastByteCount = 0
      let block = Block(full)
      storage.state.withLock { if !$0.isReleased { $0.blocks.append(block) } }
    }

    /// Returns the bytes; nil if they were given up.
    /// - Parameter onRelease: Called if the memory is needed for something else, and no longer used.
    package consuming func finished(onRelease: @escaping @Sendable () -> Void) -> KeptBytes? {
      store()
      let isKept = storage.state.withLock { state in
        if !state.isReleased { state.onRelease = onRelease }
        return !state.isReleased
      }
      guard isKept else { return nil }
      return KeptBytes(registration, byteCount: byteCount)
    }
  }
}

extension ByteBuffer {
  /// Copies a range of the bytes to `byteOffset` in `destination`.
  @_lifetime(destination: copy destination)
  fileprivate borrowing func copy(
    _ range: Range<Int>, into destination: inout MutableRawSpan, at byteOffset: Int
  ) {
    destination.copy(bytes.extracting(range), at: byteOffset)
  }
}
