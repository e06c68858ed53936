import Base
import Checkpoints

/// The list of the components of a model folder: `model_index.json` of diffusers or `modules.json` of
/// sentence-transformers.
struct ComponentList {
  private static let maximumByteCount = 1 << 24

  /// The name of the file with the list.
  let name: String
  /// The paths of the subfolders in the order of the list; "" is the folder itself.
  let paths: [String]
  /// True if subfolders with weights that the list does not name are components too.
  let isOpen: Bool

  /// Reads the list of a folder; returns nil if it has none, or if its file is not such a list.
  static func read(in input: InputTree, entries: [FileTreeEntry]) throws -> ComponentList? {
    let files = Set(entries.lazy.filter { $0.kind == .file }.map(\.name))
    for (name, paths, isOpen) in [
      ("model_index.json", pipelineComponents, true), ("modules.json", modules, false),
    ] where files.contains(name) {
      guard let value = try json(input.open(name)), let found = paths(value) else { continue }
      return ComponentList(
        name: name, paths: found.filter { $0.isEmpty || ComponentLayout.isValid(path: $0) },
        isOpen: isOpen)
    }
    return nil
  }

  private static func json(_ file: InputFile) throws -> JSONValue? {
    guard file.byteCount <= maximumByteCount else { return nil }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    return try? JSONValue.parse(bytes.rawSpan)
  }

  /// Returns the components of a pipeline of diffusers: the keys whose values are a library and a class.
  private static func pipelineComponents(_ value: JSONValue) -> [String]? {
    guard case .object(let object) = value else { return nil }
    return object.compactMap { key, value in
      guard case .array(let pair) = value, pair.count == 2, case .string = pair[0] else {
        return nil
      }
      return key.contains("/") ? nil : key
    }
  }

  /// Returns the modules of sentence-transformers: the paths in a list of objects.
  private static func modules(_ value: JSONValue) -> [String]? {
    guard case .array(let modules) = value else { return nil }
    return modules.compactMap { module in
      guard case .object(let object) = module, case .string(let path)? = object["path"] else {
        return nil
      }
      return path
    }
  }
}
