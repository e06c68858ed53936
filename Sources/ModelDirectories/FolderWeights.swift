import Base
import Checkpoints
import Safetensors
import TensorCore

/// The weights of a model folder: a single file, or an index with its shards.
struct FolderWeights {
  /// The name of the weights file or of the index.
  let name: String
  let index: ShardIndex?
  let notes: [Message]

  /// The names of the safetensors files with the weights.
  var files: [String] { index?.files ?? [name] }

  /// The name that outputs give the weights.
  var weightsName: String {
    guard let index else { return WeightFileNames.weightsName(of: name) }
    return Self.weightsName(ofIndex: name, shards: index.files)
  }

  private init(_ name: String, _ index: ShardIndex? = nil, notes: [Message] = []) {
    self.name = name
    self.index = index
    self.notes = notes
  }

  /// Returns the file or index that the user named.
  static func named(_ name: String, in input: InputTree) throws -> FolderWeights {
    let file = try input.open(name)
    return FolderWeights(
      name, try ShardIndex.isIndex(file, name: name) ? ShardIndex(file) : nil)
  }

  /// Finds the weights of a folder.
  /// - Parameter entries: The entries of the folder.
  /// - Throws: ``FormatError`` if there are none, or several that differ.
  static func found(in input: InputTree, entries: [FileTreeEntry]) throws -> FolderWeights {
    let names = entries.filter { ![.folder, .linkedFolder].contains($0.kind) }.map(\.name)
    let files = names.filter { $0.hasSuffix(ModelDirectoryContainer.weightsSuffix) }
    let indexes = try indexes(in: input, names)
    let single = ModelDirectoryContainer.singleFile
    if indexes.contains(ModelDirectoryContainer.singleIndex) {
      return try chosen(ModelDirectoryContainer.singleIndex, besides: files, in: input)
    }
    if files.contains(single) {
      let listing = try indexes.first { try ShardIndex(input.open($0)).files.contains(single) }
      return try listing.map { FolderWeights($0, try ShardIndex(input.open($0))) }
        ?? FolderWeights(single)
    }
    let candidates = indexes.isEmpty ? files : indexes
    guard !candidates.isEmpty else {
      throw try FolderWithoutWeights(input, entries: entries).error
    }
    guard candidates.count == 1 else {
      throw FormatError(
        .modelDirectory,
        "the folder contains several candidates: "
          + "\(candidates.map(\.printable).joined(separator: ", ")); expected \(single) or "
          + ModelDirectoryContainer.singleIndex, path: input.path,
        hint: "name the file or index to read")
    }
    guard indexes.isEmpty else { return try chosen(indexes[0], besides: files, in: input) }
    try checkIsWhole(files[0], in: input)
    return FolderWeights(files[0])
  }

  /// Returns the weights of an index, unless the folder also contains a single file with their name.
  ///
  /// If both list the same tensors, the single `model.safetensors` is used, as transformers does.
  private static func chosen(
    _ name: String, besides files: [String], in input: InputTree
  ) throws -> FolderWeights {
    let index = try ShardIndex(input.open(name))
    let weights = weightsName(ofIndex: name, shards: index.files)
    let single = weights + ModelDirectoryContainer.weightsSuffix
    guard files.contains(single), !index.files.contains(single) else {
      return FolderWeights(name, index)
    }
    let tensors = try SafetensorsFile(input.open(single)).header.entries.map(\.info.name)
    guard single == ModelDirectoryContainer.singleFile,
      Set(tensors.map(UTF8Key.init)) == index.tensorNames
    else {
      throw FormatError(
        .modelDirectory,
        "the folder contains both \(single.printable) and \(name.printable), which stand for "
          + "different weights", path: input.path, hint: "name the file or index to read")
    }
    return FolderWeights(
      single,
      notes: [
        "\(input.path.printable): read \(single), not \(name), which lists the same tensors in "
          + "other files; transformers also prefers the single file"
      ])
  }

  /// Returns the indexes of safetensors shards among the files of a folder.
  ///
  /// The contents of JSON files decide, except for names that only an index has.
  private static func indexes(in input: InputTree, _ names: [String]) throws -> [String] {
    try names.filter { $0.lowercased().hasSuffix(".json") }.filter { name in
      if name.hasSuffix(ModelDirectoryContainer.indexSuffix) { return true }
      return try ShardIndex.isIndex(input.open(name), name: name)
    }
  }

  private static func checkIsWhole(_ file: String, in input: InputTree) throws(FormatError) {
    guard file.contains(/-\d+-of-\d+\.safetensors$/) else { return }
    throw FormatError(
      .modelDirectory,
      "contains the shard \(file.printable), but neither an index nor other shards",
      path: input.path, hint: "download the missing files, or name a single file")
  }

  /// Returns the name of the weights of an index: from its own name, or from shards that agree.
  private static func weightsName(ofIndex name: String, shards: [String]) -> String {
    if let match = name.wholeMatch(of: /(.+)\.safetensors\.index(\.[^.]+)?\.json/) {
      return String(match.1) + String(match.2 ?? "")
    }
    let names = Set(shards.map(WeightFileNames.weightsName))
    return names.count == 1 ? names.first ?? "" : FolderLayout.defaultWeightsName
  }
}
