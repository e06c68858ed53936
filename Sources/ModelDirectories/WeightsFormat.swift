package import Base
package import Checkpoints
import Safetensors

/// A format of the weights files in a model folder.
///
/// Model folders do not depend on the container of their weights: the reader of a folder receives the formats that it
/// may have, in the order in which they are preferred.
package protocol WeightsFormat: Sendable {
  /// The suffixes of its files.
  static var suffixes: [String] { get }
  /// The name of weights in a single file.
  static var singleFile: String { get }
  /// The key of the index that contains data of the format; nil if there is none.
  static var indexKey: String? { get }
  /// True if weights files without an index are not the weights of their folder.
  static var needsIndex: Bool { get }
  /// Returns true if a file at the top of a folder may contain its weights in this format.
  static func isWeightsFile(_ name: String, in input: InputTree) throws -> Bool
  /// Opens a file and reads its header.
  /// - Throws: The errors of the format; ``UsageError`` if the catalog does not fit into the limit.
  static func open(_ file: InputFile, in input: InputTree) throws -> WeightsFile
  /// Compares the shards with the data that the format has in their index.
  /// - Returns: The lineage that the index contains, nil if the shards have it, and notes for the user.
  /// - Throws: The errors of all shards together.
  static func checkedLineage(
    _ index: ShardIndex, _ files: [WeightsFile]
  ) throws -> (lineage: Lineage?, notes: [Message])
}

extension WeightsFormat {
  package static var indexKey: String? { nil }
  package static var needsIndex: Bool { false }

  package static func checkedLineage(
    _ index: ShardIndex, _ files: [WeightsFile]
  ) throws -> (lineage: Lineage?, notes: [Message]) { (nil, []) }

  /// The name of the index of several files.
  static var singleIndex: String { singleFile + ".index.json" }

  /// Returns true if a file has the suffix of the format.
  package static func hasSuffix(_ name: String) -> Bool { suffixes.contains(where: name.hasSuffix) }
}

/// The formats that the weights of a folder may have, in the order in which they are preferred.
package struct WeightsFormats: Sendable {
  package let all: [any WeightsFormat.Type]

  package init(_ all: [any WeightsFormat.Type]) { self.all = all }

  /// The formats of model folders that other programs write.
  package static let standard = WeightsFormats([SafetensorsWeights.self, PyTorchWeights.self])

  /// Returns the format of a file name; nil if it is not that of a weights file.
  func format(of name: String) -> (any WeightsFormat.Type)? { all.first { $0.hasSuffix(name) } }

  /// Returns the format of an index by its name; nil if the name shows none.
  func format(ofIndexName name: String) -> (any WeightsFormat.Type)? {
    all.first { format in
      format.suffixes.contains { name.hasSuffix($0 + ".index.json") }
    }
  }
}

/// An open file with weights of a model folder.
package struct WeightsFile: Sendable {
  package let file: InputFile
  package let tensors: [LazyTensor]
  /// The metadata of the file without the lineage.
  package let metadata: [Checkpoint.Metadatum]
  package let lineage: Lineage
  package let identity: InputIdentity
  package let headerByteCount: Int
  package let notes: [Message]
  /// The memory for an entry of the header and its lazy tensor, in bytes.
  package var tensorByteCount = 320
  /// True if a checksum, which reading compares, covers every byte of the file.
  package var hasChecksums = false
  /// Data that the container attaches to the checkpoint.
  package var attributes = Attributes()

  package init(
    file: InputFile, tensors: [LazyTensor], metadata: [Checkpoint.Metadatum], lineage: Lineage,
    identity: InputIdentity, headerByteCount: Int, notes: [Message]
  ) {
    self.file = file
    self.tensors = tensors
    self.metadata = metadata
    self.lineage = lineage
    self.identity = identity
    self.headerByteCount = headerByteCount
    self.notes = notes
  }
}
