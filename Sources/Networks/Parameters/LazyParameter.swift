import Base
package import Checkpoints
import TensorCore

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
          hint: "compare the file with its source; \(command: "diagnose") lists such tensors")
      })
  }

  package var isTrained: Bool { false }
  package var resident: Value<Scalar>? { nil }

  package func scratchByteCount(elementCount: Int) -> Int {
    reader.workspace(elementCount: elementCount).byteCount
  }

  package func read(_ elements: Range<Int>, into target: Memory<Scalar>, at index: Int) throws {
    let count = elements.count
    var buffer = ByteBuffer(byteCount: scratchByteCount(elementCount: count))
    arena.add(buffer.byteCount)
    defer { arena.remove(buffer.byteCount) }
    var room = buffer.mutableBytes
    try reader.workspace(elementCount: count).withSpans(of: &room) { floats, scratch in
      try reader.read(elements, into: &floats, scratch: &scratch)
      let bytes = floats.bytes
      var target = target.mutableSpan
      let whole = count - count % Lanes.count
      target.fill(index..<index + whole) { Scalar.converted(bytes, at: 4 * ($0 - index)) }
      for rest in whole..<count {
        let bits = bytes.littleEndian(UInt32.self, at: 4 * rest)!
        target[index + rest] = Scalar(Float(bitPattern: bits))
      }
    }
  }
}
