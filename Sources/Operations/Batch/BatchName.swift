package import Base
import Checkpoints
import Containers

/// A template of the names of outputs, such as `{parent}-{stem}.sumac`.
package struct BatchName: Sendable {
  private enum Part: Sendable {
    case text(String)
    case field(Field)
  }

  /// The fields that stand for parts of the path of an input.
  package enum Field: String, CaseIterable, Sendable {
    /// The name without the suffix of its format.
    case stem
    /// The whole name.
    case name
    /// The name of the folder that contains it.
    case parent
    /// The position among the inputs, from 1 on, with as many digits as the last one.
    case index
  }

  private var parts: [Part] = []

  /// - Throws: ``UsageError`` for an unknown field, an unclosed brace or a slash.
  package init(_ template: String) throws(UsageError) {
    var rest = template[...]
    while let open = rest.firstIndex(of: "{") {
      parts.append(.text(String(rest[..<open])))
      let inner = rest[rest.index(after: open)...]
      guard let close = inner.firstIndex(of: "}") else {
        throw UsageError("\(setting: "name") '\(template.printable)' has a { without a }")
      }
      let word = String(inner[..<close])
      guard let field = Field(rawValue: word) else {
        let names = Field.allCases.map { "{\($0.rawValue)}" }.joined(separator: ", ")
        throw UsageError(
          "\(setting: "name") '\(template.printable)': {\(word.printable)} is not a field",
          hint: "the fields are \(names)")
      }
      parts.append(.field(field))
      rest = inner[inner.index(after: close)...]
    }
    parts.append(.text(String(rest)))
    guard !template.contains("/"), !template.isEmpty else {
      throw UsageError(
        "\(setting: "name") '\(template.printable)' is not the name of a file",
        hint: "the outputs are all in the folder of -o; use no slash")
    }
  }

  /// True if every model gets the same name.
  package var isConstant: Bool {
    parts.allSatisfy { if case .text = $0 { true } else { false } }
  }

  /// Returns the name of an output.
  /// - Parameter index: The position of the input among `count` inputs, from 0 on.
  package func text(for path: String, index: Int, count: Int) -> String {
    parts.map { part in
      switch part {
      case .text(let text): return text
      case .field(.stem): return Self.stem(of: path)
      case .field(.name): return FileSystem.ownName(of: path)
      case .field(.parent):
        return FileSystem.ownName(of: FileSystem.parent(of: path))
      case .field(.index):
        let digits = String(index + 1)
        return String(repeating: "0", count: max(0, String(count).count - digits.count)) + digits
      }
    }.joined()
  }

  /// The suffixes of files that are removed from a name, besides those of containers.
  private static let suffixes = [
    ".safetensors.index.json", ".bin.index.json", ".tar.gz", ".tar.zst", ".tgz", ".tar", ".zip",
    ".bin", ".pt", ".pth", ".ckpt", ".npz", ".npy", ".onnx", ".gguf", ".seq", ".json",
  ]

  /// Returns the name of a folder, or that of a file without the suffix of its format.
  package static func stem(of path: String) -> String {
    let name = FileSystem.ownName(of: path)
    guard !FileSystem.isDirectory(path) else { return name }
    let lower = name.lowercased()
    let known = suffixes + Containers.registry.all.compactMap { $0.suffix }
    let suffix = known.filter { lower.hasSuffix($0) }.max { $0.utf8.count < $1.utf8.count }
    let stem = suffix.map { String(name.dropLast($0.count)) } ?? name
    return stem.isEmpty ? name : stem
  }
}
