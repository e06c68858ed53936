import Base
import Glibc

/// The decoded streams of one archive. One of them decodes at a time, and the oldest give up their memory for others.
@safe package final class DecodedStreams: @unchecked Sendable {
  // SAFETY: `waiting`, `isServing` and the counts are used with the mutex locked; `live` by the one thread that is served.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var waiting: [Place] = []
  private var isServing = false
  /// The streams that hold memory, the one that was used last at the end.
  private var live: [DecodedState] = []

  /// The bytes before the position of a stream that it keeps, so that threads that read ahead of others do not make it
  /// start again.
  package static let keptByteCount = 16 << 20
  /// The number of streams that hold a decoder.
  private static let maximumLiveCount = 4
  /// The bytes that all streams together keep.
  private static let budgetByteCount = 2 * keptByteCount
  /// The memory that the streams will need: what they keep, and their decoders.
  private let reservation = MemoryReservation()
  private var reservedByteCount = 0
  private var keptTotal = 0
  private var streamCount = 0

  /// A place in the archive: the order of the stream and the offset in it.
  struct Place: Comparable {
    var order: Int
    var byteOffset: Int

    static func < (left: Place, right: Place) -> Bool {
      (left.order, left.byteOffset) < (right.order, right.byteOffset)
    }
  }

  package init() {
    // SAFETY: both are initialized here once and destroyed in deinit; no other code accesses them.
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe pthread_cond_destroy(condition)
    unsafe mutex.deallocate()
    unsafe condition.deallocate()
  }

  /// Counts the memory of a new stream.
  /// - Parameter keptByteCount: The number of decoded bytes that the stream keeps.
  func reserve(keptByteCount: Int, decoderByteCount: Int) {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    keptTotal = min(Self.budgetByteCount, keptTotal + keptByteCount)
    streamCount += 1
    reservedByteCount =
      keptTotal + min(streamCount, Self.maximumLiveCount) * decoderByteCount
    // The thread that is served updates it afterwards.
    if !isServing { updateReservation() }
  }

  /// Takes the bytes that are resident already out of the reservation, as plans count them. Call it with the mutex
  /// locked, and not while another thread is served.
  private func updateReservation() {
    let resident = live.reduce(0) { $0 + $1.residentByteCount }
    reservation.byteCount = max(0, reservedByteCount - resident)
  }

  /// Runs `body` while no other stream decodes. Of the threads that wait, the one with the first place comes first, so
  /// that none falls behind the bytes that are kept.
  func serve(_ place: Place, _ body: () throws -> Void) rethrows {
    unsafe pthread_mutex_lock(mutex)
    waiting.append(place)
    while isServing || waiting.min() != place { unsafe pthread_cond_wait(condition, mutex) }
    if let index = waiting.firstIndex(of: place) { waiting.remove(at: index) }
    isServing = true
    unsafe pthread_mutex_unlock(mutex)
    defer {
      unsafe pthread_mutex_lock(mutex)
      isServing = false
      updateReservation()
      unsafe pthread_cond_broadcast(condition)
      unsafe pthread_mutex_unlock(mutex)
    }
    try body()
  }

  /// Takes the memory of other streams if `stream` would exceed the budget. Call it while being served.
  func makeRoom(for stream: DecodedState) {
    if live.last === stream { return }
    live.removeAll { $0 === stream }
    var total = live.reduce(stream.keptByteCount) { $0 + $1.keptByteCount }
    while total > Self.budgetByteCount || live.count >= Self.maximumLiveCount,
      let first = live.first
    {
      total -= first.keptByteCount
      first.release()
      live.removeFirst()
    }
    live.append(stream)
  }
}
