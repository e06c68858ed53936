import Base
import Crypto
import Synchronization

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
