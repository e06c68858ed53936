import Base
package import Checkpoints
import PackedFormat
import TensorCore

extension LazyTensor {
  /// Returns a tensor of F32 values in memory.
  package static func floats(_ name: String, _ dimensions: [Int], _ values: [Float]) throws
    -> LazyTensor
  {
    let info = try TensorInfo(name: name, dtype: .f32, shape: Shape(dimensions))
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: values.littleEndianBytes),
      stored: StoredForm(file: "memory", byteOffset: 0, byteCount: info.byteCount, dtype: .f32))
  }

  /// Returns a tensor of heavy-tailed values, of which a given share is zero.
  package static func random(
    _ name: String, _ dimensions: [Int], seed: UInt64, zeros: Double = 0
  ) throws -> LazyTensor {
    var random = SeededGenerator(seed: seed)
    let count = dimensions.reduce(1, *)
    let values = (0..<count).map { _ -> Float in
      if Double.random(in: 0..<1, using: &random) < zeros { return 0 }
      let x = Float.random(in: -1...1, using: &random)
      return x * x * x * 0.1
    }
    return try floats(name, dimensions, values)
  }
}

extension Engine {
  package static func test(workers: Int = 2) -> Engine {
    Engine(workers: workers, cancellation: Cancellation(), progress: NoProgress())
  }
}

extension LazyTensor {
  /// The values of the tensor as F32.
  package func values() throws -> [Float] {
    var checkpoint = Checkpoint(
      path: "memory", container: .memory, tensors: [self],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    checkpoint = try Cast(to: .f32).applied(to: checkpoint)
    return try checkpoint.tensors[0].bytes().floats
  }
}

/// Returns the relative error ‖found − wanted‖ / ‖wanted‖.
package func relativeError(_ found: [Float], _ wanted: [Float]) -> Double {
  var (error, norm) = (0.0, 0.0)
  for (a, b) in zip(found, wanted) {
    error += (Double(a) - Double(b)) * (Double(a) - Double(b))
    norm += Double(b) * Double(b)
  }
  return norm > 0 ? (error / norm).squareRoot() : error
}
