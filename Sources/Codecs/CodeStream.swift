import Base
import TensorCore

/// A stream of codes with a fixed number of bits. Specification, section 9.3.
package struct CodeStream: Sendable, Equatable {
  /// The way in which codes are stored in a stream.
  package enum Packing: String, Sendable, CaseIterable {
    /// A little-endian bit stream.
    case bits
    /// One byte for each code. After entropy coding this is smaller than the bit stream.
    case bytes
  }

  package var bits: Int
  package var packing: Packing

  /// Creates a stream. Codes of 1, 2, 4 and 8 bits divide bytes evenly and are always packed as bits.
  package init(bits: Int, packing: Packing) {
    self.bits = bits
    self.packing = Self.hasChoice(bits: bits) ? packing : .bits
  }

  init(bits: Int, _ reader: inout ParameterReader) throws(CodecProblem) {
    self.bits = bits
    packing =
      Self.hasChoice(bits: bits) ? try reader.choice("packing", Packing.self) : .bits
  }

  private static func hasChoice(bits: Int) -> Bool { ![1, 2, 4, 8].contains(bits) }

  func write(to parameters: inout CBORMap) {
    if Self.hasChoice(bits: bits) { parameters["packing"] = .text(packing.rawValue) }
  }

  /// True if the stream has one byte for each code.
  var isBytes: Bool { packing == .bytes || bits == 8 }

  func byteCount(_ count: Int) -> Int {
    isBytes ? count : Kernels.packedByteCount(codes: count, bits: bits)
  }

  /// Throws if a byte contains a code of more bits, or if bits after the last code are set.
  func check(_ stream: borrowing RawSpan, count: Int) throws(CodecProblem) {
    if isBytes {
      guard bits == 8 || Kernels.best.highestCode(stream) < 1 << bits else {
        throw CodecProblem(.streams, "a code is out of range, expected less than \(1 << bits)")
      }
    } else if count * bits % 8 != 0,
      let last = stream.littleEndian(UInt8.self, at: stream.byteCount - 1),
      last >> UInt8(count * bits % 8) != 0
    {
      throw CodecProblem(.streams, "bits after the last code are set")
    }
  }

  /// Writes codes, given as one per byte, to the stream.
  @_lifetime(stream: copy stream)
  func pack(_ codes: borrowing RawSpan, into stream: inout MutableRawSpan) {
    if isBytes { stream.copy(codes) } else { Kernels.best.pack(codes, bits: bits, into: &stream) }
  }

  /// Checks the stream and writes its codes, one per byte, to `codes`.
  @_lifetime(codes: copy codes)
  func unpack(
    _ stream: borrowing RawSpan, into codes: inout MutableRawSpan
  ) throws(CodecProblem) {
    try check(stream, count: codes.byteCount)
    if isBytes {
      codes.copy(stream)
    } else {
      Kernels.best.unpack(stream, bits: bits, into: &codes)
    }
  }
}
