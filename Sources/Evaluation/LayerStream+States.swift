import Base
import Checkpoints
import Networks

/// The hidden states in a file of a journal.
extension LayerStream {
  /// Writes all hidden states to a file, group by group.
  /// - Returns: The checksum of them and of what has `checksum`.
  func store(in file: OutputFile, at byteOffset: Int, checksum: UInt64) throws -> UInt64 {
    var (place, checksum) = (byteOffset, checksum)
    for group in groups {
      let states = try states(group)
      let numbers = states.span
      // SAFETY: float32 numbers have no padding.
      let bytes = unsafe numbers.bytes
      try file.write(bytes, at: place)
      checksum = XXH64.hash(bytes, seed: checksum)
      place += bytes.byteCount
    }
    return checksum
  }

  /// Reads all hidden states from a file.
  /// - Returns: The checksum of them and of what has `checksum`.
  func restore(from file: InputFile, at byteOffset: Int, checksum: UInt64) throws -> UInt64 {
    var (place, checksum) = (byteOffset, checksum)
    for group in groups {
      let states = Value<Float>(
        [group.tokens.count, network.configuration.hiddenSize], in: compute.arena)
      try Self.fill(states, from: file, at: place)
      let numbers = states.span
      // SAFETY: float32 numbers have no padding.
      let bytes = unsafe numbers.bytes
      checksum = XXH64.hash(bytes, seed: checksum)
      place += bytes.byteCount
      try store(states, group)
    }
    return checksum
  }

  private static func fill(
    _ states: Value<Float>, from file: InputFile, at byteOffset: Int
  ) throws {
    var numbers = states.mutableSpan
    // SAFETY: every bit pattern is a float32 number.
    var bytes = unsafe numbers.mutableBytes
    try file.read(at: byteOffset, into: &bytes)
  }
}
