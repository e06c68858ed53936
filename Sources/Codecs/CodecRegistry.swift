/// The list of all codecs.
package enum CodecRegistry {
  package static let valueCodecs: [any ValueCodec.Type] = [
    RawCodec.self,
    PlanesCodec.self,
    ConstantCodec.self,
    AffineCodec.self,
    FP8Codec.self,
    MXCodec.self,
    NVFP4Codec.self,
    CodebookCodec.self,
    GgmlCodec.self,
  ]

  package static let indexCodecs: [any IndexCodec.Type] = [
    BitmaskIndex.self,
    Gap8Index.self,
    NMIndex.self,
    BlockIndex.self,
  ]

  package static func valueCodec(named name: String) -> (any ValueCodec.Type)? {
    valueCodecs.first { $0.name == name }
  }

  package static func indexCodec(named name: String) -> (any IndexCodec.Type)? {
    indexCodecs.first { $0.name == name }
  }
}

/// The codecs of a chunk as stored in its record: the id of the index codec in the upper byte, 0 for none, and the id
/// of the value codec in the lower byte.
package struct ChunkCodecs: Hashable, Sendable {
  package var index: UInt8
  package var value: UInt8

  package init(index: UInt8 = 0, value: UInt8) {
    self.index = index
    self.value = value
  }

  package init(rawValue: UInt16) {
    self.init(index: UInt8(rawValue >> 8), value: UInt8(rawValue & 0xFF))
  }

  package var rawValue: UInt16 { UInt16(index) << 8 | UInt16(value) }
}
