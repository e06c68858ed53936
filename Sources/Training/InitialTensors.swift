import Base
package import Checkpoints
import Models
package import Networks
import TensorCore

/// The tensors of a new network, whose values are computed as they are read.
package enum InitialTensors {
  /// Returns the tensors that a network needs.
  ///
  /// Normalizations start at 1 (0 if the network adds 1), biases at 0, running means at 0 and variances at 1. Other
  /// tensors are uniform between −a and a, where a is √(6 / inputs) before an activation and √(3 / inputs) for the
  /// output of a classifier, and 0.02 · √3 in a language model. Each number depends on the name of its tensor, the seed
  /// and its place. Source: He et al., "Delving deep into rectifiers".
  /// - Parameter network: The result of ``Network/outline(of:path:)``.
  package static func tensors(
    of network: Network<Float>, seed: UInt64
  ) throws -> [LazyTensor] {
    try network.required.map { name, shape in
      let info = try TensorInfo(name: name, dtype: .f32, shape: Shape(shape))
      let start = start(of: name, shape, network)
      return LazyTensor(
        info: info,
        source: InitialTensorSource(start, random: ElementRandom(tensorName: name, seed: seed)),
        stored: StoredForm(file: name, byteOffset: 0, byteCount: info.byteCount, dtype: .f32))
    }
  }

  /// The values of a new tensor.
  enum Start: Sendable, Equatable {
    case constant(Float)
    /// Between −limit and limit.
    case uniform(limit: Float)
  }

  private static func start(
    of name: String, _ shape: [Int], _ network: Network<Float>
  ) -> Start {
    if name.hasSuffix(".running_var") { return .constant(1) }
    if name.hasSuffix(".running_mean") || name.hasSuffix(".bias") { return .constant(0) }
    if name.hasSuffix(".weight"), shape.count == 1 {
      return .constant(network.family.startOfNormalizations)
    }
    guard let classifier = network.configuration.classifier else {
      return .uniform(limit: 0.02 * Float(3).squareRoot())
    }
    let inputCount = Float(shape.dropFirst().reduce(1, *))
    let isOutput =
      shape.count == 2 && shape[0] == classifier.classCount
      && name == network.family.embeddingName
    return .uniform(limit: ((isOutput ? 3 : 6) / max(1, inputCount)).squareRoot())
  }
}

/// The values of a new tensor.
struct InitialTensorSource: TensorSource {
  private let start: InitialTensors.Start
  private let random: ElementRandom

  init(_ start: InitialTensors.Start, random: ElementRandom) {
    self.start = start
    self.random = random
  }

  func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    for (index, element) in elements.enumerated() {
      let number: Float =
        switch start {
        case .constant(let number): number
        // The difference is exact, so that the product is rounded once.
        case .uniform(let limit): (2 * random.uniform(at: UInt64(element)) - 1) * limit
        }
      values.storeLittleEndian(number.bitPattern, at: 4 * index)
    }
  }
}
