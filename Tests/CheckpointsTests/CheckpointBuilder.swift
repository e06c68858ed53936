import Base
import Checkpoints
import Containers
import PackedFormat
import SystemPackage
import TensorCore
import TestSupport

extension LazyTensor {
  static func inMemory(
    _ name: String, _ dtype: DType, _ dimensions: [Int], seed: UInt64 = 0, values: [UInt8]? = nil
  ) throws -> LazyTensor {
    let info = try TensorInfo(name: name, dtype: dtype, shape: Shape(dimensions))
    var random = SeededGenerator(seed: seed &+ UInt64(info.byteCount))
    let bytes =
      values ?? (0..<info.byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: "", byteOffset: 0, byteCount: bytes.count, dtype: dtype))
  }
}

extension Checkpoint {
  static func inMemory(
    _ tensors: [LazyTensor], metadata: [Metadatum] = [], companions: [LazyTensor] = []
  ) -> Checkpoint {
    Checkpoint(
      path: "memory", container: .memory, tensors: tensors, metadata: metadata,
      companions: companions, identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  /// Writes the checkpoint and reads it back.
  func written(
    to path: String, options: WriterOptions = WriterOptions(), workers: Int = 2
  ) throws -> Checkpoint {
    let job = try OutputJob(
      self, to: path, container: Containers.output(forPath: path), options: options,
      replacesExisting: false)
    try job.writer.write(
      to: AtomicOutput(path: path, replacesExisting: false),
      engine: Engine(workers: workers, cancellation: Cancellation(), progress: NoProgress()))
    return try Containers.read(path)
  }

  /// The name, dtype, shape and bytes of every tensor.
  func contents() throws -> [String] {
    try tensors.map {
      "\($0.name) \($0.info.dtype.name) \($0.info.shape) \(Digest.sha256(try $0.bytes())) "
        + ($0.aliasOf ?? "")
    }
  }
}
