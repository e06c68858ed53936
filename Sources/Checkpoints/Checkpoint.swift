package import Base
import TensorCore

/// An ordered list of named tensors that are read lazily, with the metadata and files that belong to them.
///
/// Readers create a checkpoint, transforms map it to another one without reading values, and writers read
/// the values.
package struct Checkpoint: Sendable {
  /// The path that it was read from.
  package var path: String
  package var container: ContainerName
  /// The tensors in the order of the catalog; names are unique as bytes.
  package var tensors: [LazyTensor]
  /// The metadata of the file without the lineage, sorted by key.
  package var metadata: [Metadatum]
  /// The files beside the weights, such as `config.json` and the tokenizer.
  ///
  /// Each is a U8 tensor of one dimension whose name is its path inside the model directory.
  package var companions: [LazyTensor]
  package var lineage: Lineage
  /// The identity of the files that it was read from.
  package var identity: InputIdentity
  /// All files that must not be overwritten while the checkpoint is in use.
  package var files: [FileIdentity]
  /// The tensors that contain the values, if they are not `tensors`.
  package var valueTensors: [LazyTensor]?
  /// Notes for the user about reading it.
  package var notes: [Message]
  /// True if the companions are files of their own, not parts of the file with the weights.
  package var companionsAreFiles: Bool
  /// The files beside the weights that are left out.
  package var skipped: [SkippedFile] = []
  /// The names and strings of the model folder.
  package var folder = FolderLayout()
  /// True if a checksum, which reading compares, covers every byte.
  package var hasChecksums = false
  /// True if the hash of the identity covers all values, but not the files beside the weights.
  package var identityCoversValues = false
  /// Data that a container attaches for its own use.
  package var attributes = Attributes()

  package init(
    path: String, container: ContainerName, tensors: [LazyTensor], metadata: [Metadatum] = [],
    companions: [LazyTensor] = [], lineage: Lineage = Lineage(), identity: InputIdentity,
    files: [FileIdentity], notes: [Message] = [], companionsAreFiles: Bool = false
  ) {
    self.path = path
    self.container = container
    self.tensors = tensors
    self.metadata = metadata
    self.companions = companions
    self.lineage = lineage
    self.identity = identity
    self.files = files
    self.notes = notes
    self.companionsAreFiles = companionsAreFiles
  }

  /// The total length of its files in bytes.
  package var fileByteCount: Int {
    identity.byteCount
      + (companionsAreFiles ? companions.reduce(0) { $0 + $1.info.byteCount } : 0)
  }

  package var hasAliases: Bool { tensors.contains { $0.aliasOf != nil } }
  /// The number of elements of all tensors; aliases are not counted.
  package var parameterCount: Int {
    tensors.reduce(0) { $0 + ($1.aliasOf == nil ? $1.info.elementCount : 0) }
  }
}

/// The identity of an input: a hash and its size.
package struct InputIdentity: Hashable, Sendable {
  /// The bytes that the hash covers.
  ///
  /// The names of `headers` and `content` have the same length, so that a planned lineage has its final length.
  package enum Coverage: String, Sendable {
    /// The headers, which say nothing about the values.
    case headers
    /// The headers and, by fast checksums, all values and files.
    case content
    /// A `.sumac` index, which contains a checksum of every other byte.
    case index = "sha256"
  }

  /// Hexadecimal digits.
  package var hash: String
  package var byteCount: Int
  package var coverage: Coverage

  package init(hash: String, byteCount: Int, coverage: Coverage = .headers) {
    self.hash = hash
    self.byteCount = byteCount
    self.coverage = coverage
  }

  /// The hash after the name of what it covers, such as `content:` or `sha256:`.
  package var id: String { coverage.rawValue + ":" + hash }
}
