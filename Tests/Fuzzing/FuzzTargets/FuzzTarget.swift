/// A part of sumac that reads what others wrote. Whatever the bytes, it must return or throw an error
/// of its own: no trap, no memory from an unchecked length, no endless loop.
enum FuzzTarget: String, CaseIterable {
  case cbor, json, recipe, index, safetensors, values, places, file

  func run(_ bytes: [UInt8]) {
    switch self {
    case .cbor: ParserTargets.cbor(bytes)
    case .json: ParserTargets.json(bytes)
    case .recipe: ParserTargets.recipe(bytes)
    case .index: ParserTargets.index(bytes)
    case .safetensors: FileTargets.safetensors(bytes)
    case .values: CodecTargets.values(bytes)
    case .places: CodecTargets.places(bytes)
    case .file: FileTargets.packed(bytes)
    }
  }
}
