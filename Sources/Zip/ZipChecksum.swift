package import Base
import Synchronization
import TensorCore

/// The bytes of a member, whose CRC-32 is compared when all of them have been read. All tensors of the member share it.
///
/// Bytes may be read in any order, in any pieces and from any thread; each counts once. After the comparison nothing is
/// computed again.
package final class ZipChecksum: Sendable {
  /// The decoded bytes of the member.
  package let file: InputFile
  private let directory: ZipDirectory
  private let member: ZipMember
  private let state: Mutex<State>
  /// Held while the member is read as a whole.
  private let verification = Mutex(())

  private enum State: Sendable {
    case reading(CRC32Pieces)
    case verified
    case damaged(FormatError)
  }

  /// Opens a member.
  package init(_ member: ZipMember, in directory: ZipDirectory) throws {
    guard member.byteCount > 0 || member.crc32 == 0 else {
      throw directory.checksumError(member, found: 0)
    }
    self.member = member
    self.directory = directory
    file = try directory.open(member)
    state = Mutex(member.byteCount == 0 ? .verified : .reading(CRC32Pieces()))
  }

  /// Fills `destination` with the bytes from `byteOffset` on.
  /// - Throws: ``FormatError`` if they complete the member and its CRC-32 differs.
  @_lifetime(destination: copy destination)
  package func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws {
    try file.read(at: byteOffset, into: &destination)
    let range = byteOffset..<byteOffset + destination.byteCount
    let claimed = try state.withLock { state throws(FormatError) -> [Range<Int>] in
      switch state {
      case .verified: return []
      case .damaged(let error): throw error
      case .reading(var pieces):
        // The array must have one owner, or every change would copy it.
        state = .verified
        let claimed = pieces.claim(range)
        state = .reading(pieces)
        return claimed
      }
    }
    for part in claimed {
      let start = part.lowerBound - byteOffset
      let crc = Kernels.crc32(destination.bytes.extracting(start..<start + part.count))
      try complete(part, crc)
    }
  }

  private func complete(_ part: Range<Int>, _ crc: UInt32) throws(FormatError) {
    try state.withLock { state throws(FormatError) in
      guard case .reading(var pieces) = state else { return }
      state = .verified
      pieces.complete(part, crc)
      guard let crc = pieces.crc32(ofFirst: member.byteCount) else {
        state = .reading(pieces)
        return
      }
      state = try compared(crc, &state)
    }
  }

  private func compared(_ crc: UInt32, _ state: inout State) throws(FormatError) -> State {
    guard crc == member.crc32 else {
      let error = directory.checksumError(member, found: crc)
      state = .damaged(error)
      throw error
    }
    return .verified
  }

  /// The memory that ``verify()`` needs, in bytes.
  package static let verificationByteCount = 1 << 20

  /// Reads the member once from start to end and compares its CRC-32, unless that was done before.
  ///
  /// For tensors that do not cover the member. Other threads wait for the result.
  package func verify() throws {
    try verification.withLock { _ in
      let isVerified = try state.withLock { state throws(FormatError) in
        if case .damaged(let error) = state { throw error }
        if case .verified = state { return true }
        return false
      }
      if isVerified { return }
      var buffer = ByteBuffer(
        byteCount: min(Self.verificationByteCount, member.byteCount))
      var crc: UInt32 = 0
      var done = 0
      while done < member.byteCount {
        var span = buffer.mutableBytes
        var part = span._mutatingExtracting(0..<min(span.byteCount, member.byteCount - done))
        try file.read(at: done, into: &part)
        crc = Kernels.crc32(part.bytes, continuing: crc)
        done += part.byteCount
      }
      try state.withLock { state throws(FormatError) in state = try compared(crc, &state) }
    }
  }
}
