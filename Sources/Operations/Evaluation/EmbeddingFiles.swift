import Base
import Checkpoints
import Containers
import Evaluation
import TensorCore

/// The files that an evaluation of an encoder writes.
enum EmbeddingFiles {
  /// The name of the tensor of embeddings.
  private static let tensorName = "embeddings"

  /// Checks before the work that embeddings can be written to a path.
  static func check(_ path: String, replacesExisting: Bool) throws {
    let container = try Containers.output(forPath: path)
    guard !container.isFolder, path != OutputJob.standardOutputName else {
      throw UsageError(
        "embeddings are written to a file", hint: "name a .safetensors or .npy file")
    }
    try AtomicOutput(path: path, replacesExisting: replacesExisting).check(isDirectory: false)
  }

  /// Writes embeddings as a tensor of float32, shape `[sentences, dimension]`.
  static func write(
    _ embeddings: SentenceEmbeddings, to path: String, replacesExisting: Bool,
    _ context: OperationContext
  ) throws {
    let info = try TensorInfo(
      name: tensorName, dtype: .f32, shape: Shape([embeddings.count, embeddings.dimension]))
    let bytes = embeddings.bytes
    let tensor = LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: path, byteOffset: 0, byteCount: bytes.count, dtype: .f32))
    let checkpoint = Checkpoint(
      path: path, container: .memory, tensors: [tensor],
      identity: InputIdentity(hash: "", byteCount: bytes.count), files: [])
    let job = try OutputJob(
      checkpoint, to: path, container: Containers.output(forPath: path), options: WriterOptions(),
      replacesExisting: replacesExisting)
    try job.run(
      jobs: context.jobs, memory: context.memory, cancellation: context.cancellation,
      progress: context.observer.progress)
  }

  /// Writes a CSV file with a row for each sentence.
  static func write(
    _ comparison: EmbeddingComparison, to path: String, _ replacesExisting: Bool
  ) throws {
    try ReportFile.write(to: path, replacesExisting: replacesExisting) { write in
      try write("sentence,cosine,distance\n")
      for (index, cosine) in comparison.cosines.enumerated() {
        try write("\(index + 1),\(cosine),\(comparison.distances[index])\n")
      }
    }
  }
}
