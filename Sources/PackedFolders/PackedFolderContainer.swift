package import Checkpoints
import ModelDirectories
import Packing

/// Model folders whose weights are `.sumac` files with an index. Specification, section 16.
package enum PackedFolderContainer: ContainerOutput {
  package static let name = ContainerName.sumacShards
  package static let summary = "folders of .sumac shards"
  package static let explanation = """
    A folder of .sumac files with an index; the other files of the model are beside them.
    Written with --to sumac and --shard-size, or with --to sumac-shards.
    """
  package static let suffix: String? = nil
  package static let isFolder = true
  package static let isChosenByName = false
  package static let holdsTerms = true

  /// Components of a pipeline may have other formats.
  private static let reader = ModelFolderReader(
    name, WeightsFormats([PackedWeights.self] + WeightsFormats.standard.all))
  private static let ownReader = ModelFolderReader(name, WeightsFormats([PackedWeights.self]))

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    guard input.isFolder else { return ownReader.recognition(ofIndex: input) }
    return ownReader.hasIndex(input) ? .content : nil
  }

  package static func read(_ input: InputTree) throws -> Checkpoint { try reader.read(input) }

  package static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option] {
    PackedContainer.lineageOptions(options) + ModelDirectoryContainer.lineageOptions(options)
  }

  package static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter {
    try ModelDirectoryWriter(checkpoint, options: options, keepsAliases: true) {
      component, tensors in
      try PackedComponentWriter(component, tensors, of: checkpoint, options: options)
    }
  }
}
