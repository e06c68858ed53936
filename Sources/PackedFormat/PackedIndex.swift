import Base
import Codecs
package import TensorCore

/// The contents of a `.sumac` file's index. Specification, section 5.
package struct PackedIndex: Sendable {
  /// A named tensor or an alias.
  package struct Entry: Sendable {
    /// The content of an entry: a tensor or an alias.
    package enum Content: Sendable {
      case tensor(PackedTensor)
      /// An alias; the value is the index of the entry that it is another name of.
      case alias(of: Int)
    }

    package var name: String
    package var content: Content

    package init(name: String, content: Content) {
      self.name = name
      self.content = content
    }
  }

  /// A file that belongs to the model. It is stored as a tensor of dtype U8.
  package struct Attachment: Equatable, Sendable {
    package let info: TensorInfo

    package init(_ info: TensorInfo) {
      precondition(info.dtype == .u8 && info.shape.dimensions.count == 1)
      self.info = info
    }

    package var name: String { info.name }
    package var byteCount: Int { info.byteCount }
    package var chunkCount: Int { info.grid.count }
  }

  /// A key and its value, as in the metadata.
  package struct Pair: Equatable, Sendable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  package var entries: [Entry]
  package var attachments: [Attachment]
  package var metadata: [Pair]
  package var requiredFeatures: [String]
  package var optionalFeatures: [String]
  package var writer: [Pair]
  package var lineage: String?
  /// True if the chunk table is followed by a SHA-256 of each chunk.
  package var isSealed: Bool
  package var extensions: [PackedExtension]

  package init(
    entries: [Entry], attachments: [Attachment], metadata: [Pair], requiredFeatures: [String] = [],
    optionalFeatures: [String], writer: [Pair], lineage: String?, isSealed: Bool = false,
    extensions: [PackedExtension] = []
  ) {
    self.entries = entries
    self.attachments = attachments
    self.metadata = metadata
    self.requiredFeatures = requiredFeatures
    self.optionalFeatures = optionalFeatures
    self.writer = writer
    self.lineage = lineage
    self.isSealed = isSealed
    self.extensions = extensions
  }

  /// Returns the names for `features.required`, in byte order.
  package static func requiredFeatures(of entries: [Entry]) -> [String] {
    var features: Set<String> = []
    for entry in entries {
      if case .tensor(let tensor) = entry.content { features.formUnion(tensor.requiredFeatures) }
    }
    return features.sorted { UTF8Key($0) < UTF8Key($1) }
  }

  /// Returns the names for `features.optional`, in byte order.
  package static func optionalFeatures(of entries: [Entry], isSealed: Bool) -> [String] {
    var features: Set<String> = isSealed ? ["sealed"] : []
    for entry in entries {
      if case .tensor(let tensor) = entry.content { features.formUnion(tensor.features) }
    }
    return features.sorted { UTF8Key($0) < UTF8Key($1) }
  }

  /// All segments of the file, in order.
  package var segments: [PackedSegment] {
    var segments: [PackedSegment] = []
    for (index, entry) in entries.enumerated() {
      guard case .tensor(let tensor) = entry.content else { continue }
      segments += tensor.segments(entry: index)
    }
    for (index, attachment) in attachments.enumerated() {
      segments.append(
        PackedSegment(
          owner: .attachment(index), info: attachment.info, content: .dense(RawCodec()),
          chunkCount: attachment.chunkCount))
    }
    return segments
  }
}
