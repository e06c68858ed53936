package import Base
package import Checkpoints
import TensorCore

/// The Wanda score |w| · ‖x‖₂, where x is the input that the weight is multiplied with.
///
/// A tensor of shape [O, I, …] has I·… inputs.
/// Source: Sun et al., "A Simple and Effective Pruning Approach for Large Language Models", ICLR 2024,
/// equation 1.
package struct WandaScore: PruningScore {
  /// The norms for each tensor name, a tensor of floats with one value per input.
  private let norms: [UTF8Key: LazyTensor]
  private let path: String

  /// Creates a score from a checkpoint that contains, under the name of each weight tensor, its input norms.
  package init(norms: Checkpoint) {
    path = norms.path
    self.norms = Dictionary(
      norms.tensors.map { (UTF8Key($0.name), $0) }, uniquingKeysWith: { first, _ in first })
  }

  private static func inputCount(_ info: TensorInfo) -> Int {
    info.shape.dimensions.dropFirst().reduce(1, *)
  }

  package func errors(for tensors: [LazyTensor]) -> [any UserError] {
    tensors.compactMap { tensor in
      let count = Self.inputCount(tensor.info)
      guard let norm = norms[UTF8Key(tensor.name)] else {
        return UsageError(
          "\(path.printable): has no input norms for tensor '\(tensor.name.printable)'",
          hint: "add a tensor of that name with \(count) floats, or exclude the tensor: "
            + "\(setting: "exclude") '\(tensor.name.printable)'")
      }
      guard norm.info.elementCount == count, norm.info.dtype.isPlainFloat else {
        return UsageError(
          "\(path.printable): '\(tensor.name.printable)' is \(norm.info.dtype.name) "
            + "\(norm.info.shape), expected \(count) floats, one per input")
      }
      return nil
    }
  }

  /// The maximum number of norms that are read at once.
  private static let pieceCount = 1 << 16

  package func scratchByteCount(_ tensor: LazyTensor, elementCount: Int) -> Int {
    guard let norm = norms[UTF8Key(tensor.name)] else { return 0 }
    return reader(norm).workspace(elementCount: min(Self.pieceCount, norm.info.elementCount))
      .byteCount
  }

  private func reader(_ norm: LazyTensor) -> FloatReader {
    FloatReader(
      norm,
      .refuse(.nonfinite) { [path] norm, problem in
        FormatError(
          .nonfiniteValue, "norm \(problem.element) is not finite", path: path, tensor: norm.name)
      })
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func replace(
    _ values: inout MutableRawSpan, of tensor: LazyTensor, _ elements: Range<Int>,
    scratch: inout MutableRawSpan
  ) throws {
    guard let norm = norms[UTF8Key(tensor.name)] else { return }
    let inputs = norm.info.elementCount
    for piece in stride(from: 0, to: inputs, by: Self.pieceCount) {
      let count = min(Self.pieceCount, inputs - piece)
      let reader = reader(norm)
      try reader.workspace(elementCount: count).withSpans(of: &scratch) { floats, rest in
        try reader.read(piece..<piece + count, into: &floats, scratch: &rest)
        let norms = floats.bytes
        var row = elements.lowerBound / inputs
        while row * inputs + piece < elements.upperBound {
          let first = max(elements.lowerBound, row * inputs + piece)
          let end = min(elements.upperBound, row * inputs + piece + count)
          if first < end {
            for element in first..<end {
              let byteOffset = 4 * (element - elements.lowerBound)
              let value = Float(
                bitPattern: values.bytes.littleEndian(UInt32.self, at: byteOffset)!)
              let factor = Float(
                bitPattern: norms.littleEndian(
                  UInt32.self, at: 4 * (element - row * inputs - piece))!)
              let score = min((value * factor).magnitude, .greatestFiniteMagnitude)
              values.storeLittleEndian(score.bitPattern, at: byteOffset)
            }
          }
          row += 1
        }
      }
    }
  }
}
