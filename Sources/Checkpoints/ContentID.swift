import Base
import Crypto
import Synchronization
import TensorCore

extension LazyTensor {
  /// Returns the SHA-256 of the canonical bytes of all values, which does not depend on how they are stored.
  /// - Complexity: O(*n*). Reading uses all threads of the engine, hashing one.
  package func contentID(engine: Engine) throws -> [UInt8] {
    let hash = Mutex(SHA256())
    let turnstile = Turnstile()
    try engine.forEachTile(
      of: [self],
      workspaceByteCount: Engine.workspaceByteCount(of: [self], extra: { _ in 0 }),
      finishesTensors: false, onFailure: turnstile.abandon
    ) { number, _, values, _ in
      try turnstile.pass(number) { hash.withLock { $0.update(values) } }
    }
    return Array(hash.withLock { $0 }.finalize())
  }
}

extension Checkpoint {
  /// The tensors and files whose values the fast content id covers.
  package var identifiedTensors: [LazyTensor] {
    ((identityCoversValues ? [] : valueTensors ?? tensors) + companions).filter {
      $0.aliasOf == nil
    }
  }

  /// The number of bytes that `contentIdentity` reads; 0 if the identity covers the content already.
  package var unidentifiedByteCount: Int {
    guard identity.coverage == .headers else { return 0 }
    func byteCount(_ tensors: [LazyTensor]) -> Int {
      tensors.reduce(0) { $0 + ($1.aliasOf == nil ? $1.info.byteCount : 0) }
    }
    return byteCount(identityCoversValues ? [] : valueTensors ?? tensors) + byteCount(companions)
  }

  /// The memory that each worker of `contentIdentity` needs.
  package var identificationWorkspaceByteCount: Int {
    Engine.workspaceByteCount(of: identifiedTensors, extra: { _ in 0 })
  }

  /// Returns an identity that differs when headers, values or companion files differ: the SHA-256 of the hash of the
  /// headers, the name and length of each companion, and the XXH64 of each chunk of values, in the order of the catalog.
  ///
  /// It is a fast id of the content and not a proof: XXH64 can be forged.
  /// - Complexity: O(*n*) for *n* bytes, on all threads of the engine.
  package func contentIdentity(engine: Engine) throws -> InputIdentity {
    guard identity.coverage == .headers else { return identity }
    return contentIdentity(
      checksums: try Self.chunkChecksums(of: identifiedTensors, engine: engine))
  }

  /// Returns the XXH64 of each chunk of tensors, in order.
  ///
  /// Tensors whose checksums were gathered are not read again.
  package static func chunkChecksums(
    of tensors: [LazyTensor], engine: Engine
  ) throws -> [UInt64] {
    let starts = tensors.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.info.grid.count) }
    var known = [UInt64](repeating: 0, count: starts[tensors.count])
    let unread = tensors.readingOrder.filter { index in
      guard let all = tensors[index].source.checksums?.all else { return true }
      for (chunk, checksum) in all.enumerated() { known[starts[index] + chunk] = checksum }
      return false
    }
    let checksums = Mutex(known)
    let rest = unread.map { tensors[$0] }
    try engine.forEachTile(
      of: rest, workspaceByteCount: Engine.workspaceByteCount(of: rest, extra: { _ in 0 }),
      finishesTensors: false
    ) { _, tile, values, _ in
      // A source that gathers checksums has computed it while reading.
      let gathered = rest[tile.tensor].source.checksums?[tile.chunk]
      let checksum = if let gathered { gathered } else { Kernels.xxh64(values) }
      checksums.withLock { $0[starts[unread[tile.tensor]] + tile.chunk] = checksum }
    }
    return checksums.withLock { $0 }
  }

  /// Returns the identity that `contentIdentity(engine:)` computes.
  /// - Parameter checksums: The XXH64 of each chunk of the identified tensors, in order.
  package func contentIdentity(checksums: [UInt64]) -> InputIdentity {
    var hash = SHA256()
    hash.update(data: Array(identity.hash.utf8))
    for companion in companions {
      hash.update(data: Array("\n\(companion.info.byteCount) \(companion.name)".utf8))
    }
    let bytes = checksums.flatMap { checksum in
      (0..<8).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) }
    }
    hash.update(data: bytes)
    return InputIdentity(
      hash: Array(hash.finalize()).hexadecimal, byteCount: identity.byteCount, coverage: .content)
  }
}
