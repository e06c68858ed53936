import Base
import Checkpoints
import TensorCore

/// The weights of a model folder, or those of one of its subfolders.
struct FolderComponent {
  /// The path of the subfolder; empty for the folder itself.
  let path: String
  let weights: FolderWeights
  let shards: FolderShards

  init(_ path: String, _ weights: FolderWeights, in input: InputTree, entries: [FileTreeEntry])
    throws
  {
    self.path = path
    self.weights = weights
    shards = try FolderShards(weights, in: input, entries: entries)
  }

  /// Finds the components of a folder: those subfolders of a list that have weights, or the folder itself.
  ///
  /// A pipeline also has subfolders that its list does not name, such as another version of a component.
  /// - Throws: ``FormatError`` if there are no weights. The errors of all components together.
  static func found(
    in input: InputTree, entries: [FileTreeEntry], _ formats: WeightsFormats
  ) throws -> (components: [FolderComponent], notes: [Message]) {
    guard let list = try ComponentList.read(in: input, entries: entries) else {
      guard let weights = try FolderWeights.found(in: input, entries: entries, formats) else {
        throw try FolderWithoutWeights(input, entries: entries, formats).error
      }
      return ([try FolderComponent("", weights, in: input, entries: entries)], [])
    }
    var components: [FolderComponent] = []
    var errors: [any UserError] = []
    var missing: [String] = []
    // A pipeline does not list the folder itself: weights at its top are copies of the components.
    let others = entries.filter { $0.kind == .folder && ComponentLayout.isValid(path: $0.name) }
    for path in Self.unique(list.paths + (list.isOpen ? others.map(\.name) : [])) {
      let folder = path.isEmpty ? input : input.subfolder(path)
      guard try path.isEmpty || Self.isFolder(path, in: input, entries: entries) else {
        missing.append(path)
        continue
      }
      do {
        let inner = path.isEmpty ? entries : try folder.entries()
        if let weights = try FolderWeights.found(in: folder, entries: inner, formats) {
          components.append(try FolderComponent(path, weights, in: folder, entries: inner))
        }
      } catch let error as UsageError {
        throw error
      } catch {
        errors.append(try asUserError(error))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    guard !components.isEmpty else {
      guard let weights = try FolderWeights.found(in: input, entries: entries, formats) else {
        throw try FolderWithoutWeights(input, entries: entries, formats).error
      }
      return ([try FolderComponent("", weights, in: input, entries: entries)], [])
    }
    try FolderShards.check(components.flatMap(\.shards.files), in: input)
    return (components, missing.isEmpty ? [] : [Self.note(list, missing, input)])
  }

  private static func unique(_ paths: [String]) -> [String] {
    var seen: Set<String> = []
    return paths.filter { seen.insert($0).inserted }
  }

  private static func note(
    _ list: ComponentList, _ missing: [String], _ input: InputTree
  ) -> Message {
    "\(input.path(of: list.name).printable): lists components that the folder does not contain: "
      + missing.map(\.printable).joined(separator: ", ")
  }

  private static func isFolder(
    _ path: String, in input: InputTree, entries: [FileTreeEntry]
  ) throws -> Bool {
    var entries = entries
    var folder = ""
    for part in path.split(separator: "/").map(String.init) {
      // A link to a folder may lead out of the tree.
      guard entries.contains(where: { $0.name == part && $0.kind == .folder }) else { return false }
      folder = folder.isEmpty ? part : folder + "/" + part
      entries = try input.entries(in: folder)
    }
    return true
  }

  /// The start of the names of its tensors and files.
  var prefix: String { path.isEmpty ? "" : path + "/" }

  /// The tensors with names that start with the path of the component.
  var tensors: [LazyTensor] {
    shards.tensors.map { tensor in
      guard !path.isEmpty else { return tensor }
      var tensor = tensor
      tensor.info.name = prefix + tensor.name
      tensor.aliasOf = tensor.aliasOf.map { prefix + $0 }
      tensor.stored.file = prefix + tensor.stored.file
      return tensor
    }
  }

  /// The paths of its weights files and of their index.
  var weightsPaths: [String] {
    (weights.index == nil ? weights.files : weights.files + [weights.name]).map { prefix + $0 }
  }

  /// Returns the names of the weights, and the keys of the index that writers keep.
  var layout: FolderLayout {
    var layout = FolderLayout()
    // Outputs do not repeat the name of a hidden or very long file.
    if FolderLayout.isValid(weightsName: weights.weightsName) {
      layout.weightsName = weights.weightsName
    }
    guard let index = weights.index else { return layout }
    layout.indexMembers = index.otherMembers
    layout.indexMetadata = index.metadata
    layout.indexMetadata["total_size"] = nil
    // Any other number is one that the writer of a quantization states.
    let count = shards.files.reduce(0) { sum, file in
      sum + file.tensors.reduce(0) { $0 + ($1.aliasOf == nil ? $1.info.elementCount : 0) }
    }
    if index.metadata["total_parameters"]?.asInt == count {
      layout.indexMetadata["total_parameters"] = nil
      layout.countsParameters = true
    }
    return layout
  }
}
