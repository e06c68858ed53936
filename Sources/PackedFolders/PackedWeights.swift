package import Base
package import Checkpoints
package import ModelDirectories
import PackedFormat
import Packing

/// Weights in `.sumac` files, which need an index.
///
/// A `.sumac` file without an index is not the weights of its folder: it may be a copy of them, or another model.
package enum PackedWeights: WeightsFormat {
  package static let suffix = ".sumac"
  package static let suffixes = [suffix]
  package static let singleFile = "model.sumac"
  package static let indexKey: String? = PackedShardList.key
  package static let needsIndex = true

  package static func isWeightsFile(_ name: String, in input: InputTree) -> Bool {
    hasSuffix(name)
  }

  package static func open(_ file: InputFile, in input: InputTree) throws -> WeightsFile {
    let shard = try PackedContainer.read(file, limit: input.catalogLimit, path: file.path)
    guard shard.companions.isEmpty else {
      throw FormatError(
        .shardIndex,
        "has the attachment '\(shard.companions[0].name.printable)', which a shard cannot have",
        path: file.path, hint: "read the file alone, or convert the model again")
    }
    var weights = WeightsFile(
      file: file, tensors: shard.tensors, metadata: shard.metadata, lineage: shard.lineage,
      identity: shard.identity, headerByteCount: 0, notes: shard.notes)
    weights.tensorByteCount = PackedIndex.catalogByteCount
    weights.hasChecksums = true
    weights.attributes = shard.attributes
    return weights
  }

  package static func checkedLineage(
    _ index: ShardIndex, _ files: [WeightsFile]
  ) throws -> (lineage: Lineage?, notes: [Message]) {
    let list = try PackedShardList(index)
    try list.check(files)
    guard let text = list.lineage else { return (nil, []) }
    do { return (try Lineage(json: text), []) } catch {
      return (
        nil, ["\(index.path.printable): the lineage cannot be read and is left out: \(error)"]
      )
    }
  }
}
