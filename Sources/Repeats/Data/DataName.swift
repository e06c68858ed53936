import Archives
import Base
import TokenData

/// The form of data that the name of a file states with its suffix, before that of a compression.
enum DataName: Equatable {
  /// JSON lines.
  case lines
  /// A checkpoint with a tensor of ids.
  case tensor
  /// Ids without a header.
  case ids(TokenElement)
  case text
  /// Another suffix, or none: a text, unless a type of ids is given.
  case other

  init(_ path: String) {
    var name = FileSystem.baseName(of: path)
    if let suffix = CompressedFile.suffixes.first(where: { name.hasSuffix($0) }) {
      name = String(name.dropLast(suffix.count))
    }
    let suffix = name.split(separator: ".").dropFirst().last.map(String.init) ?? ""
    self =
      switch suffix {
      case "jsonl", "ndjson": .lines
      case "npy", "npz", "safetensors", "sumac", "pt": .tensor
      case "txt": .text
      default: TokenElement(rawValue: suffix).map { .ids($0) } ?? .other
      }
  }
}
