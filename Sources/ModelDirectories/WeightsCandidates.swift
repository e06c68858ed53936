import Base
import Checkpoints
import TensorCore

/// The files of one format in a folder that could be its weights, and the choice among them.
struct WeightsCandidates {
  private let format: any WeightsFormat.Type
  private let formats: WeightsFormats
  private let input: InputTree
  /// The weights files at the top of the folder, including shards.
  private let files: [String]
  /// The indexes of shards by their names.
  let indexes: [String: ShardIndex]

  /// Lists the candidates.
  /// - Parameter entries: The entries of the folder.
  init(
    _ format: any WeightsFormat.Type, _ formats: WeightsFormats, in input: InputTree,
    entries: [FileTreeEntry]
  ) throws {
    self.format = format
    self.formats = formats
    self.input = input
    let names = entries.filter { ![.folder, .linkedFolder].contains($0.kind) }.map(\.name)
    files = try format.needsIndex ? [] : names.filter { try format.isWeightsFile($0, in: input) }
    var indexes: [String: ShardIndex] = [:]
    for name in names where name.lowercased().hasSuffix(".json") {
      let file = try input.open(name)
      guard let found = try formats.format(ofIndex: file, name: name), found == format else {
        continue
      }
      indexes[name] = try ShardIndex(file, format)
    }
    self.indexes = indexes
  }

  /// The names of the indexes and of the files that no index lists.
  private var names: [String] {
    let listed = Set(indexes.values.flatMap(\.files))
    return (Array(indexes.keys) + files.filter { !listed.contains($0) }).sorted {
      $0.precedesAsBytes($1)
    }
  }

  private func weightsName(of name: String) -> String {
    indexes[name].map { FolderWeights.weightsName(ofIndex: name, shards: $0.files, formats) }
      ?? WeightFileNames.weightsName(of: name)
  }

  /// Returns the file or index to read; nil if there is none.
  /// - Throws: ``FormatError`` if several candidates stand for different weights.
  func chosen() throws -> String? {
    let names = names
    if let variant = input.choice.variant {
      let wanted = names.filter { variantName(of: $0) == variant }
      if !wanted.isEmpty { return try single(wanted) }
    }
    if indexes[format.singleIndex] != nil { return try indexOrFile(format.singleIndex) }
    if files.contains(format.singleFile) {
      return indexes.first { $0.value.files.contains(format.singleFile) }?.key ?? format.singleFile
    }
    guard names.count > 1 else {
      return try names.first.map { indexes[$0] == nil ? $0 : try indexOrFile($0) }
    }
    let plain = names.filter { name in
      !names.contains { isVariant(weightsName(of: name), of: weightsName(of: $0)) }
    }
    return try single(plain)
  }

  /// Returns the only candidate; an index is preferred to files.
  private func single(_ names: [String]) throws -> String {
    let listed = names.filter { indexes[$0] != nil }
    if listed.count == 1 { return try indexOrFile(listed[0]) }
    guard names.count == 1 else {
      let variants = names.compactMap(variantName)
      let isChoice = variants.count == names.count
      throw FormatError(
        .modelDirectory,
        "the folder contains several candidates: "
          + "\(names.map(\.printable).joined(separator: ", ")); expected \(format.singleFile) or "
          + format.singleIndex, path: input.path,
        hint: isChoice
          ? "choose one with \(setting: "variant", variants[0])" : "name the file or index to read")
    }
    return names[0]
  }

  /// Returns the index, unless the folder also contains a single file with its name.
  ///
  /// If both list the same tensors, the single `model.safetensors` is used, as transformers does.
  private func indexOrFile(_ name: String) throws -> String {
    guard let index = indexes[name] else { return name }
    let weights = weightsName(of: name)
    let single = files.first {
      WeightFileNames.weightsName(of: $0) == weights && !WeightFileNames.isShard($0)
        && !index.files.contains($0)
    }
    guard let single else { return name }
    let tensors = try format.open(input.open(single), in: input).tensors.map(\.name)
    guard single == format.singleFile, Set(tensors.map(UTF8Key.init)) == index.tensorNames else {
      throw FormatError(
        .modelDirectory,
        "the folder contains both \(single.printable) and \(name.printable), which stand for "
          + "different weights", path: input.path, hint: "name the file or index to read")
    }
    return single
  }

  // MARK: Variants

  /// Returns the variant in the name of a file or index: `fp16` for `model.fp16.safetensors`; nil if there is none.
  private func variantName(of name: String) -> String? {
    let parts = weightsName(of: name).split(separator: ".", maxSplits: 1)
    return parts.count == 2 ? String(parts[1]) : nil
  }

  private func isVariant(_ name: String, of other: String) -> Bool {
    name != other && name.hasPrefix(other + ".")
  }

  /// Returns notes on the candidates that are left out.
  func notes(choosing name: String) -> [Message] {
    var notes: [Message] = []
    if let index = indexes.keys.sorted().first(where: {
      $0 != name && weightsName(of: $0) == weightsName(of: name)
    }) {
      notes.append(
        "\(input.path.printable): read \(name), not \(index.printable), which lists the same tensors in "
          + "other files; transformers also prefers the single file")
    }
    let chosen = variantName(of: name)
    let others = Set(names.compactMap(variantName)).subtracting([chosen].compactMap(\.self))
      .sorted()
    if input.choice.variant == nil, !others.isEmpty {
      notes.append(
        "\(input.path.printable): read \(name.printable); the variant "
          + "\(others.map(\.printable).joined(separator: ", ")) is left out; "
          + "\(setting: "variant", others[0]) reads it")
    }
    if let variant = input.choice.variant, variant != chosen {
      notes.append(
        "\(input.path.printable): has no variant '\(variant.printable)'; read \(name.printable)")
    }
    return notes
  }
}
