import Base
import Checkpoints
import Containers
import PackedFolders
import Packing
import TensorCore
import TestSupport

/// Models that are written as folders of shards.
extension TemporaryFolder {
  /// Writes a checkpoint as shards and reads the folder.
  @discardableResult
  func writeShards(
    _ checkpoint: Checkpoint, to name: String = "shards", upTo byteCount: Int = 300_000,
    options: WriterOptions = WriterOptions(), workers: Int = 2
  ) throws -> Checkpoint {
    var options = options
    options.shardByteCount = byteCount
    return try write(
      checkpoint, to: name, PackedFolderContainer.self, options: options, workers: workers)
  }

  /// Writes a checkpoint and reads it.
  func write(
    _ checkpoint: Checkpoint, to name: String, _ container: any ContainerOutput.Type,
    options: WriterOptions = WriterOptions(), workers: Int = 2
  ) throws -> Checkpoint {
    let job = try OutputJob(
      checkpoint, to: self[name], container: container, options: options, replacesExisting: false)
    try job.run(
      jobs: workers, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
    return try Containers.read(self[name])
  }

  /// The names of the shards in a folder.
  func shards(_ name: String = "shards") throws -> [String] {
    try names(in: name).filter { $0.hasSuffix(".sumac") }
  }

  func json(_ path: String) throws -> JSONValue {
    let text = try bytes(path)
    return try JSONValue.parse(text.rawSpan)
  }

  /// Replaces members of the index of a folder.
  func editIndex(_ name: String = "shards", _ edit: (inout JSONObject) -> Void) throws {
    let path = name + "/model.sumac.index.json"
    guard var object = try json(path).asObject else { return }
    edit(&object)
    try write(Array(JSONValue.object(object).serialized().utf8), to: path)
  }
}

extension Checkpoint {
  static var base: Checkpoint {
    get throws { try Containers.read(Fixtures.path("models/base")) }
  }

  /// Returns a checkpoint of random tensors and aliases of some of them.
  static func random(_ shapes: KeyValuePairs<String, [Int]>, aliases: [String: String] = [:]) throws
    -> Checkpoint
  {
    var tensors: [LazyTensor] = []
    for (number, item) in shapes.enumerated() {
      let target = aliases[item.key].flatMap { name in tensors.first { $0.name == name } }
      if var tensor = target {
        tensor.aliasOf = tensor.name
        tensor.info.name = item.key
        tensors.append(tensor)
      } else {
        tensors.append(try .random(item.key, item.value, seed: UInt64(number)))
      }
    }
    return Checkpoint(
      path: "memory", container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  /// The name, dtype, shape, alias and bytes of every tensor.
  func contents() throws -> [String] {
    try tensors.map {
      "\($0.name) \($0.info.dtype.name) \($0.info.shape) \(Digest.sha256(try $0.bytes())) "
        + ($0.aliasOf ?? "")
    }
  }

  /// Returns the checkpoint with matrices in a storage.
  func stored(_ terms: String?) throws -> Checkpoint {
    guard let terms else { return self }
    var result = self
    let recipe = try TermRecipe(typeOrTerms: terms)
    for index in tensors.indices where tensors[index].info.shape.dimensions.count == 2 {
      result.tensors[index].storage = .recipe(recipe, RowGeometry(tensors[index].info.shape))
    }
    return result
  }
}
