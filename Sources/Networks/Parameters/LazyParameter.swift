import Base
package import Checkpoints
package import TensorCore

/// A parameter that is a tensor of a checkpoint, whose values are read when an operation needs them.
package final class LazyParameter<Scalar: NetworkScalar>: Parameter {
  package let name: String
  package let shape: [Int]
  private let reader: FloatReader
  private let arena: Arena

  /// - Parameter path: The path of the checkpoint, for errors.
  package init(_ tensor: LazyTensor, path: String, in arena: Arena) {
    name = tensor.name
    shape = tensor.info.shape.dimensions
    self.arena = arena
    reader = FloatReader(
      tensor,
      .refuse(.nonfinite) { tensor, problem in
        FormatError(
          .nonfiniteValue,
          "element \(problem.element) is NaN or infinite, expected finite weights",
          path: path, tensor: tensor.name,
          hint: "correct the weights, or use the checkpoint that the file was made from")
      })
  }

  package var isTrained: Bool { false }
  package var resident: Value<Scalar>? { nil }
  package var decodedChunks: ChunkGrid? { reader.tensor.source.decodedChunks }

  /// Float32 numbers are read in place.
  private static var isInPlace: Bool { Scalar.self == Float.self }

  package func scratchByteCount(elementCount: Int) -> Int {
    let byteCount =
      Self.isInPlace
      ? reader.scratchByteCount(elementCount: elementCount)
      : reader.workspace(elementCount: elementCount).byteCount
    return (byteCount + 3) / 4 * 4
  }

  package func read(_ elements: Range<Int>, into target: Memory<Scalar>, at index: Int) throws {
    let count = elements.count
    let memory = Memory<Float>(scratchByteCount(elementCount: count) / 4, in: arena)
    var numbers = memory.mutableSpan
    // SAFETY of both: whole float32 numbers are written, which every bit pattern is.
    var room = unsafe numbers.mutableBytes
    var target = target.mutableSpan
    if Self.isInPlace {
      var bytes = unsafe target.mutableBytes
      var floats = bytes._mutatingExtracting(4 * index..<4 * (index + count))
      try reader.read(elements, into: &floats, scratch: &room)
      return
    }
    try reader.workspace(elementCount: count).withSpans(of: &room) { floats, scratch in
      try reader.read(elements, into: &floats, scratch: &scratch)
      let bytes = floats.bytes
      let whole = count - count % Lanes.count
      target.fill(index..<index + whole) { Scalar.converted(bytes, at: 4 * ($0 - index)) }
      for rest in whole..<count {
        let bits = bytes.littleEndian(UInt32.self, at: 4 * rest)!
        target[index + rest] = Scalar(Float(bitPattern: bits))
      }
    }
  }
}
