package import PackedFormat
package import Base
import TensorCore

/// An ordered catalog of named tensors that can be read lazily, with all that belongs to them.
///
/// Readers make one, transforms map it to another without reading values, writers drive the reading.
package struct Checkpoint: Sendable {
  /// Where it was read from.
  package var path: String
  package var container: ContainerName
  /// In the order of the catalog; names are unique as bytes.
  package var tensors: [LazyTensor]
  /// The strings of safetensors' `__metadata__` and its like, without lineage, sorted by key.
  package var metadata: [Metadatum]
  /// The files beside the weights: `config.json`, the tokenizer, … Each is a U8 tensor of one
  /// dimension whose name is its path inside the model directory.
  package var companions: [LazyTensor]
  package var lineage: Lineage
  /// What identifies the files it was read from.
  package var identity: InputIdentity
  /// All files that must not be written over while it is in use.
  package var files: [FileIdentity]
  /// What a user should know about how it was read.
  package var notes: [String]
  /// What other programs keep beside the tensors.
  package var extensions: [PackedExtension]

  package init(
    path: String, container: ContainerName, tensors: [LazyTensor], metadata: [Metadatum] = [],
    companions: [LazyTensor] = [], lineage: Lineage = Lineage(), identity: InputIdentity,
    files: [FileIdentity], notes: [String] = [],
    extensions: [PackedExtension] = []
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
    self.extensions = extensions
  }

  package struct Metadatum: Hashable, Sendable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  package var hasAliases: Bool { tensors.contains { $0.aliasOf != nil } }
  /// Bytes of all files that it lies in: weights, and companions where they are files of their own.
  package var fileByteCount: Int {
    identity.byteCount
      + (container == .sumac ? 0 : companions.reduce(0) { $0 + $1.info.byteCount })
  }
  /// Elements of all tensors, each counted once.
  package var parameterCount: Int {
    tensors.reduce(0) { $0 + ($1.aliasOf == nil ? $1.info.elementCount : 0) }
  }
}

/// What tells one input from another: a hash of its header or index, and its size.
package struct InputIdentity: Hashable, Sendable {
  /// SHA-256 in hexadecimal digits.
  package var hash: String
  package var byteCount: Int

  package init(hash: String, byteCount: Int) {
    self.hash = hash
    self.byteCount = byteCount
  }
}

extension String {
  /// Whether this name comes before `other` in byte order.
  package func precedesAsBytes(_ other: String) -> Bool {
    utf8.lexicographicallyPrecedes(other.utf8)
  }

  package func equalsAsBytes(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
