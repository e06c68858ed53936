package import TensorCore

/// What the index of a `.sumac` file says. Specification, section 5.
package struct PackedIndex: Equatable, Sendable {
  /// A named tensor, or another name of one.
  package struct Entry: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
      case tensor(TensorInfo, [Term])
      /// The place of the entry that this is another name of.
      case alias(of: Int)
    }

    package var name: String
    package var content: Content

    package init(name: String, content: Content) {
      self.name = name
      self.content = content
    }
  }

  package struct Term: Equatable, Sendable {
    package var kind: String
    package var codec: String
    package var chunkCount: Int

    package init(kind: String = Self.dense, codec: String, chunkCount: Int) {
      self.kind = kind
      self.codec = codec
      self.chunkCount = chunkCount
    }

    package static let dense = "dense"
  }

  /// A file that belongs to the model, stored as the U8 tensor of its bytes.
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

  package init(
    entries: [Entry], attachments: [Attachment], metadata: [Pair], requiredFeatures: [String] = [],
    optionalFeatures: [String], writer: [Pair], lineage: String?
  ) {
    self.entries = entries
    self.attachments = attachments
    self.metadata = metadata
    self.requiredFeatures = requiredFeatures
    self.optionalFeatures = optionalFeatures
    self.writer = writer
    self.lineage = lineage
  }

  /// Every segment of the file, in order.
  package var segments: [PackedSegment] {
    var segments: [PackedSegment] = []
    for (place, entry) in entries.enumerated() {
      guard case .tensor(let info, let terms) = entry.content else { continue }
      for term in terms {
        segments.append(PackedSegment(owner: .tensor(place), info: info, term: term))
      }
    }
    for (place, attachment) in attachments.enumerated() {
      segments.append(
        PackedSegment(
          owner: .attachment(place), info: attachment.info,
          term: Term(codec: "raw", chunkCount: attachment.chunkCount)))
    }
    return segments
  }
}

/// The chunks of one term, or of one attachment.
package struct PackedSegment: Sendable {
  package enum Owner: Equatable, Sendable {
    case tensor(Int)
    case attachment(Int)
  }

  package var owner: Owner
  package var info: TensorInfo
  package var term: PackedIndex.Term

  package init(owner: Owner, info: TensorInfo, term: PackedIndex.Term) {
    self.owner = owner
    self.info = info
    self.term = term
  }

  /// Of what its first chunk's place is a multiple.
  package var alignment: Int {
    if case .tensor = owner, term.kind == PackedIndex.Term.dense, term.codec == "raw",
      info.byteCount >= 1 << 20
    {
      return 4096
    }
    return 64
  }
}
