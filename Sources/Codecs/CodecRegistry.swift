/// Every value codec, by id.
package enum CodecRegistry {
  package static let valueCodecs: [any ValueCodec] = [
    RawCodec(),
    PlanesCodec(),
  ]

  package static func valueCodec(id: UInt16) -> (any ValueCodec)? {
    valueCodecs.first { $0.id == id }
  }

  package static func valueCodec(named name: String) -> (any ValueCodec)? {
    valueCodecs.first { $0.name == name }
  }
}
