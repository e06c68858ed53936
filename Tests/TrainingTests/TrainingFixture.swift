import Base
import Checkpoints
import Containers
import Examples
import Foundation
import Models
import Networks
import TensorCore
import TestSupport
import Training

/// The tensors of a file of the fixtures.
struct StoredTensors: Sendable {
  let checkpoint: Checkpoint
  private let tensors: [String: LazyTensor]
  var names: [String] { tensors.keys.sorted() }

  struct Missing: Error { let name: String }

  init(_ relative: String) throws { try self.init(path: Fixtures.path(relative)) }

  init(path: String) throws {
    checkpoint = try Containers.read(path)
    tensors = Dictionary(uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, $0) })
  }

  func tensor(_ name: String) throws -> LazyTensor {
    guard let tensor = tensors[name] else { throw Missing(name: name) }
    return tensor
  }

  /// Returns a tensor of 64-bit words with one dimension.
  static func tensor(_ name: String, _ dtype: DType, words: [UInt64]) throws -> LazyTensor {
    let info = try TensorInfo(name: name, dtype: dtype, shape: Shape([words.count]))
    let bytes = words.flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
    }
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: bytes.count, dtype: dtype))
  }

  func shape(_ name: String) throws -> [Int] { try tensor(name).info.shape.dimensions }

  /// Returns the values of an F64 tensor.
  func doubles(_ name: String) throws -> [Double] { try tensor(name).bytes().doubles }

  /// Returns the values of a U8, U16 or I32 tensor.
  func integers(_ name: String) throws -> [Int] {
    let tensor = try tensor(name)
    let bytes = try tensor.bytes()
    let width = tensor.info.dtype.bitsPerElement / 8
    return stride(from: 0, to: bytes.count, by: width).map { start in
      (0..<width).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
    }
  }
}

/// The digits of the fixtures, and what the authors' code computes with them.
enum Digits {
  static func data(_ name: String) throws -> LabelledExamples {
    let file = try StoredTensors("training/digits-\(name).npz")
    var scaling = InputScaling()
    scaling.divisor = 16
    return LabelledExamples(
      .bytes(try file.tensor("images").bytes()),
      labels: try file.integers("labels").map { Int32($0) }, shape: [64], scaling: scaling)
  }

  static func configuration() throws -> ModelConfiguration {
    try ModelConfigurationFile(text: try Fixtures.bytes("training/config.json")).configuration()
  }

  /// The order of the examples in the epochs of a round.
  static func order(round: Int) throws -> ExampleOrder {
    let file = try StoredTensors("training/order.safetensors")
    let (all, shape) = (try file.integers("order"), try file.shape("order"))
    return .given(
      (0..<shape[1]).map { epoch in
        let start = (round * shape[1] + epoch) * shape[2]
        return Array(all[start..<start + shape[2]])
      })
  }

  /// The recipe of the authors.
  static var recipe: TrainingRecipe {
    var recipe = TrainingRecipe(.epochs(3))
    recipe.batch = 50
    recipe.optimizer = SGD(momentum: 0.9, isNesterov: true)
    recipe.rate = LearningRate(peak: 0.1)
    recipe.rate.schedule = .cosine
    recipe.rate.unit = .epoch
    recipe.weightDecay = 5e-4
    recipe.clip = 1
    return recipe
  }

  /// The counts of the authors' code in a round.
  struct Round: Decodable, Sendable {
    var kept: [String: Int]?
    var testCorrect: [Int]
    var trainCorrect: [Int]
    var rates: [Double]
  }

  static func rounds(_ name: String) throws -> [Round] {
    let text = Data(try Fixtures.bytes("training/expected.json"))
    return try JSONDecoder().decode([String: [Round]].self, from: text)[name] ?? []
  }
}

/// The largest difference of two lists, relative to the largest number of the expected one.
func distance<S: BinaryFloatingPoint>(_ found: [S], _ expected: [Double]) -> Double {
  guard found.count == expected.count else { return .infinity }
  let scale = expected.map(abs).max() ?? 0
  let worst = zip(found, expected).map { abs(Double($0) - $1) }.max() ?? .infinity
  return worst == worst ? worst / max(scale, 1e-300) : .infinity
}
