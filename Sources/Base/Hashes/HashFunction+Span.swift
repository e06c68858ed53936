package import Crypto

extension HashFunction {
  /// Hashes the bytes of a span.
  package mutating func update(_ bytes: borrowing RawSpan) {
    // SAFETY: the buffer is the memory of the span and is valid during the call.
    unsafe bytes.withUnsafeBytes { unsafe update(bufferPointer: $0) }
  }
}
