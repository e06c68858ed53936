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
  /// What the file says of itself beside its tensors, without lineage, sorted by key.
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
  package var notes: [Message]
  /// Bytes of all files that it lies in: weights, and companions where they are files of their own.
  package var fileByteCount: Int
  /// Whether every byte is under a checksum that reading compares.
  package var hasChecksums = false
  /// What containers attach to it, for themselves.
  package var attributes = Attributes()

  package init(
    path: String, container: ContainerName, tensors: [LazyTensor], metadata: [Metadatum] = [],
    companions: [LazyTensor] = [], lineage: Lineage = Lineage(), identity: InputIdentity,
    files: [FileIdentity], notes: [Message] = [], fileByteCount: Int? = nil
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
    self.fileByteCount = fileByteCount ?? identity.byteCount
  }

  package var hasAliases: Bool { tensors.contains { $0.aliasOf != nil } }
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
