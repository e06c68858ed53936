import Base
import Checkpoints
import Surveys

/// The fuzz target for the values of options: sizes, types, terms, patterns, globs and numbers.
enum OptionTarget {
  static func run(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = ByteSize(text)
    _ = JSONNumber(text)
    _ = try? StorageType(text)
    _ = try? TermRecipe(text)
    _ = Pattern(text)
    let name = "model.layers.0.self_attn.q_proj.weight"
    if text.count <= 256 { _ = Glob(text).matches(name) }
    if let pattern = try? NamePattern(text) {
      let subject = NamePattern.Subject(name)
      _ = (pattern.matches(subject), pattern.matchesEnd(of: subject))
    }
  }
}
