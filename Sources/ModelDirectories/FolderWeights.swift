import Base
import Checkpoints
import TensorCore

/// The weights of a model folder or of one of its components: a single file, or an index with its shards.
struct FolderWeights {
  /// The name of the weights file or of the index.
  let name: String
  let index: ShardIndex?
  let formats: WeightsFormats
  private let format: (any WeightsFormat.Type)?
  private(set) var notes: [Message]

  /// The names of the files with the weights.
  var files: [String] { index?.files ?? [name] }

  /// The name that outputs give the weights.
  var weightsName: String {
    guard let index else { return WeightFileNames.weightsName(of: name) }
    return Self.weightsName(ofIndex: name, shards: index.files, formats)
  }

  init(
    _ name: String, _ index: ShardIndex? = nil, format: (any WeightsFormat.Type)? = nil,
    _ formats: WeightsFormats
  ) {
    self.name = name
    self.index = index
    self.format = format
    self.formats = formats
    notes = []
  }

  /// The format of the shards in the index; nil if there is no index.
  var indexFormat: (any WeightsFormat.Type)? { index == nil ? nil : format }

  /// Returns the format of a weights file; safetensors if its name does not show it.
  func format(of file: String) -> any WeightsFormat.Type {
    formats.format(of: file) ?? format ?? SafetensorsWeights.self
  }

  /// Returns the file or index that the user named.
  static func named(
    _ name: String, in input: InputTree, _ formats: WeightsFormats
  ) throws -> FolderWeights {
    let file = try input.open(name)
    let format = try formats.format(ofIndex: file, name: name)
    return FolderWeights(
      name, try format.map { try ShardIndex(file, $0) }, format: format, formats)
  }

  /// Finds the weights of a folder; nil if it has none.
  /// - Parameter entries: The entries of the folder.
  /// - Throws: ``FormatError`` if there are several that differ.
  static func found(
    in input: InputTree, entries: [FileTreeEntry], _ formats: WeightsFormats
  ) throws -> FolderWeights? {
    for format in formats.all {
      let candidates = try WeightsCandidates(format, formats, in: input, entries: entries)
      guard let name = try candidates.chosen() else { continue }
      var weights = FolderWeights(name, candidates.indexes[name], format: format, formats)
      weights.notes = candidates.notes(choosing: name)
      if weights.index == nil { try weights.checkIsWhole(in: input) }
      if format.needsIndex { try weights.checkIsAlone(in: input, entries: entries) }
      return weights
    }
    return nil
  }

  private func checkIsWhole(in input: InputTree) throws(FormatError) {
    guard WeightFileNames.isShard(name) else { return }
    throw FormatError(
      .modelDirectory,
      "contains the shard \(name.printable), but neither an index nor other shards",
      path: input.path, hint: "download the missing files, or name a single file")
  }

  /// Throws if the folder has weights in another format too, which may be those of another model.
  private func checkIsAlone(in input: InputTree, entries: [FileTreeEntry]) throws {
    for other in formats.all where other != format {
      let candidates = try WeightsCandidates(other, formats, in: input, entries: entries)
      guard let second = try candidates.chosen() else { continue }
      throw FormatError(
        .modelDirectory,
        "the folder contains weights in two formats, \(name.printable) and \(second.printable), which "
          + "may differ", path: input.path, hint: "name the file or index to read")
    }
  }

  /// Returns the name of the weights of an index: from its own name, or from shards that agree.
  static func weightsName(
    ofIndex name: String, shards: [String], _ formats: WeightsFormats
  ) -> String {
    if let (file, variant) = parts(ofIndex: name), formats.format(of: file) != nil {
      return WeightFileNames.weightsName(of: file) + variant
    }
    let names = Set(shards.map(WeightFileNames.weightsName))
    return names.count == 1 ? names.first ?? "" : FolderLayout.defaultWeightsName
  }

  /// Returns the name of a file, and a variant with its dot or nothing, of the name of its index: `FILE.index.json` or
  /// `FILE.index.VARIANT.json`; nil for any other name.
  private static func parts(ofIndex name: String) -> (file: String, variant: String)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts.last == "json" else { return nil }
    let hasVariant = parts[parts.count - 2] != "index"
    let file = parts.dropLast(hasVariant ? 3 : 2).joined(separator: ".")
    guard !hasVariant else {
      let variant = parts[parts.count - 2]
      return parts[parts.count - 3] == "index" && !variant.isEmpty ? (file, "." + variant) : nil
    }
    return (file, "")
  }
}
