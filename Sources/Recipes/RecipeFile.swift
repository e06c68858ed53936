package import Base
import Yams

/// Recipe files: YAML 1.1 as PyYAML's safe loader reads it, JSON with it.
///
/// Numbers such as `1e-9`, which that loader takes for text, are numbers here. Keys that are there twice,
/// anchors that refer to themselves and tags of other languages are refused.
package enum RecipeFile {
  package static let maximumByteCount = 1 << 24
  private static let depthLimit = 64
  /// Values of a recipe, those of aliases counted each time.
  private static let valueLimit = 1 << 20

  /// - Throws: an error that names the file and the line.
  package static func read(_ path: String) throws -> RecipeValue {
    let file = try InputFile(path: path)
    guard file.byteCount <= maximumByteCount else {
      throw FormatError(.recipe, "is over 16 MiB", path: path)
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FormatError(.recipe, "is not UTF-8", path: path)
    }
    return try parse(text, path: path)
  }

  package static func parse(_ text: String, path: String) throws -> RecipeValue {
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch let error as YamlError {
      throw FormatError(.recipe, "is no YAML: \(oneLine("\(error)"))", path: path)
    }
    guard let node else { throw FormatError(.recipe, "is empty", path: path) }
    var count = 0
    return try value(node, path: path, depth: 0, count: &count)
  }

  private static func oneLine(_ text: String) -> String {
    text.split(separator: "\n").map { $0.trimmed }.joined(separator: " ")
  }

  private static func value(
    _ node: Node, path: String, depth: Int, count: inout Int
  ) throws -> RecipeValue {
    let line = node.mark?.line ?? 0
    guard depth < depthLimit else {
      throw FormatError(.recipe, "line \(line): lists and maps are nested too deep", path: path)
    }
    count += 1
    guard count <= valueLimit else {
      throw FormatError(.recipe, "line \(line): has over \(valueLimit) values", path: path)
    }
    switch node {
    case .scalar(let scalar):
      return RecipeValue(content(of: scalar, node), line: line)
    case .sequence(let sequence):
      return RecipeValue(
        .list(try sequence.map { try value($0, path: path, depth: depth + 1, count: &count) }),
        line: line)
    case .mapping(let mapping):
      var members: [RecipeValue.Member] = []
      for (key, inner) in mapping {
        guard case .scalar(let scalar) = key else {
          throw FormatError(
            .recipe, "line \(key.mark?.line ?? line): a key is no text", path: path)
        }
        members.append(
          RecipeValue.Member(
            key: scalar.string, value: try value(inner, path: path, depth: depth + 1, count: &count)
          ))
      }
      return RecipeValue(.map(members), line: line)
    case .alias:
      throw FormatError(.recipe, "line \(line): an alias has no anchor before it", path: path)
    }
  }

  private static func content(of scalar: Node.Scalar, _ node: Node) -> RecipeValue.Content {
    // What stands in quotes is text.
    guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
    let text = scalar.string
    if node.null != nil { return .null }
    if let value = node.bool { return .bool(value) }
    if let value = node.int { return .integer(value) }
    if let value = node.float { return .number(value) }
    if let first = text.utf8.first, "+-.0123456789".utf8.contains(first), let value = Double(text) {
      return .number(value)
    }
    return .string(text)
  }
}

extension FormatError.Code {
  package static let recipe = FormatError.Code("recipe.malformed")
}

extension Substring {
  fileprivate var trimmed: Substring {
    var text = self
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
