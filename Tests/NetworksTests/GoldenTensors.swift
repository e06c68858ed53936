import Base
import Checkpoints
import Containers
import Networks
import TensorCore
import TestSupport

/// The tensors of a file with results of another program.
struct GoldenTensors: Sendable {
  private let tensors: [String: LazyTensor]
  var names: [String] { tensors.keys.sorted() }

  init(_ relative: String) throws {
    let checkpoint = try Containers.read(Fixtures.path(relative))
    tensors = Dictionary(uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, $0) })
  }

  struct Missing: Error { let name: String }

  func has(_ name: String) -> Bool { tensors[name] != nil }

  private func tensor(_ name: String) throws -> LazyTensor {
    guard let tensor = tensors[name] else { throw Missing(name: name) }
    return tensor
  }

  func shape(_ name: String) throws -> [Int] { try tensor(name).info.shape.dimensions }

  /// Returns the values of an F32 or F64 tensor.
  func numbers(_ name: String) throws -> [Double] {
    let tensor = try tensor(name)
    let bytes = try tensor.bytes()
    return tensor.info.dtype == .f64 ? bytes.doubles : bytes.floats.map(Double.init)
  }

  /// Returns the values of an I32 or I64 tensor.
  func integers(_ name: String) throws -> [Int32] {
    let tensor = try tensor(name)
    let bytes = try tensor.bytes()
    let width = tensor.info.dtype == .i64 ? 8 : 4
    return stride(from: 0, to: bytes.count, by: width).map { start in
      Int32(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) })
    }
  }

  func value<S: NetworkScalar>(
    _ name: String, needsGradient: Bool = false, in arena: Arena
  ) throws -> Value<S> {
    Value(
      try shape(name), try numbers(name).map { S($0) }, needsGradient: needsGradient, in: arena)
  }
}

/// The largest difference of two tensors, relative to the largest entry of the expected one.
func distance<S: NetworkScalar>(_ found: [S], _ expected: [Double]) -> Double {
  guard found.count == expected.count else { return .infinity }
  let scale = expected.map(abs).max() ?? 0
  var worst = 0.0
  for (a, b) in zip(found, expected) {
    let difference = abs(Double(a) - b)
    // A NaN is no distance.
    guard difference == difference else { return .infinity }
    worst = max(worst, difference)
  }
  return worst == 0 ? 0 : scale == 0 ? .infinity : worst / scale
}
