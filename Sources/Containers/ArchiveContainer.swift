import Archives
import Base
package import Checkpoints

extension ContainerName {
  package static let archive = ContainerName(rawValue: "archive")
}

/// Archives of model folders, which are read like the folders.
package enum ArchiveContainer: Container {
  package static let name = ContainerName.archive
  package static let summary = Archives.summary
  package static let explanation = """
    A model folder in a tar archive, also compressed by gzip, bzip2 or Zstandard, or in a ZIP
    archive or wheel. It is read like the folder, without extracting it. Commands: pack and
    unpack write and extract archives.
    """
  package static let suffix: String? = nil

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    Archives.isLikely(input) ? .content : nil
  }

  package static func read(_ input: InputTree) throws -> Checkpoint {
    guard let tree = try Archives.tree(of: input) else {
      throw FormatError(
        .unknownContainer, "is compressed, but is not an archive of a model folder",
        path: input.path, hint: "decompress it first")
    }
    var checkpoint = try Containers.readFolder(tree)
    checkpoint.container = name
    return checkpoint
  }
}
