import Base
import Checkpoints
import Safetensors
import TensorCore

/// The open weights files of a model folder or of one of its components, with their headers.
struct FolderShards {
  let files: [WeightsFile]
  /// The tensors of all files, in the order of the catalog.
  let tensors: [LazyTensor]
  /// The lineage that the index contains; nil if the files have it.
  private let indexLineage: Lineage?
  private let indexNotes: [Message]

  /// Opens the files and reads their headers.
  /// - Throws: The errors of all files together; missing shards are listed in one error.
  init(_ weights: FolderWeights, in input: InputTree, entries: [FileTreeEntry]) throws {
    var opened: [WeightsFile] = []
    var errors: [any UserError] = []
    try Self.checkFormats(weights)
    if let missing = Self.missing(weights, in: input, entries: entries) { errors.append(missing) }
    let present = Set(entries.map { UTF8Key($0.name) })
    for name in weights.files where weights.index == nil || present.contains(UTF8Key(name)) {
      do {
        opened.append(try weights.format(of: name).open(input.open(name), in: input))
      } catch let error as UsageError {
        // Every further shard would need memory too.
        throw error
      } catch {
        errors.append(try asUserError(error))
      }
    }
    try Self.check(opened, in: input)
    try SeveralErrors.throwIfAny(Self.withoutRepeatedHints(errors))
    files = opened
    var found: (lineage: Lineage?, notes: [Message]) = (nil, [])
    if let index = weights.index, let format = weights.indexFormat {
      found = try format.checkedLineage(index, opened)
    }
    (indexLineage, indexNotes) = found
    try Self.checkNames(opened, folder: input.folderPath)
    try weights.index?.check(opened)
    let all = opened.flatMap(\.tensors)
    tensors =
      if let index = weights.index, weights.indexFormat?.indexKey != nil {
        try index.ordered(all)
      } else { all }
  }

  /// Throws if an index with data of one format also lists files of another.
  private static func checkFormats(_ weights: FolderWeights) throws(FormatError) {
    guard let index = weights.index, let format = weights.indexFormat else { return }
    let other = index.files.first {
      let own = weights.format(of: $0)
      return own != format && (own.indexKey != nil || format.indexKey != nil)
    }
    guard let other else { return }
    throw FormatError(
      .shardIndex,
      "lists \(other.printable) beside files of another format; expected files in \(format.suffixes[0]) only",
      path: index.path, hint: "convert the model again, or fetch index and shards of one revision")
  }

  /// Checks that the catalog of all shards fits into the limit; each of them was checked alone.
  static func check(_ files: [WeightsFile], in input: InputTree) throws(UsageError) {
    guard files.count > 1 else { return }
    try input.catalogLimit.check(
      CatalogSize(
        tensorCount: files.reduce(0) { $0 + $1.tensors.count },
        headerByteCount: files.reduce(0) { $0 + $1.headerByteCount }),
      perTensor: files.map(\.tensorByteCount).max() ?? 0, path: input.path)
  }

  /// Returns the errors with each hint only at the last error that has it.
  private static func withoutRepeatedHints(_ errors: [any UserError]) -> [any UserError] {
    var seen: Set<Message> = []
    return errors.reversed().map { error -> any UserError in
      guard var fault = error as? FormatError, let hint = fault.hint,
        !seen.insert(hint).inserted
      else { return error }
      fault.hint = nil
      return fault
    }.reversed()
  }

  private static func missing(
    _ weights: FolderWeights, in input: InputTree, entries: [FileTreeEntry]
  ) -> FormatError? {
    guard let index = weights.index else { return nil }
    let present = Set(entries.map { UTF8Key($0.name) })
    let missing = index.files.filter { !present.contains(UTF8Key($0)) }
    guard !missing.isEmpty else { return nil }
    func list(_ names: [String]) -> String { names.map(\.printable).joined(separator: ", ") }
    let others = entries.map(\.name).filter {
      weights.formats.format(of: $0) != nil && !index.files.contains($0)
    }
    let found =
      others.isEmpty ? "" : "; the folder has \(list(others)), which the index does not list"
    return FormatError(
      .modelDirectory,
      "\(missing.count) of \(index.files.count.counted("shard")) in the index are missing: "
        + list(missing) + found, path: index.path,
      hint: others.isEmpty
        ? "download the missing files"
        : "download index and shards of the same revision, or name a single file to read it alone")
  }

  private static func checkNames(
    _ files: [WeightsFile], folder: String
  ) throws(FormatError) {
    var places: [UTF8Key: String] = [:]
    places.reserveCapacity(files.reduce(0) { $0 + $1.tensors.count })
    for tensor in files.flatMap(\.tensors) {
      if let other = places.updateValue(tensor.stored.file, forKey: UTF8Key(tensor.name)) {
        throw FormatError(
          .modelDirectory, "is in both \(other.printable) and \(tensor.stored.file.printable)",
          path: folder, tensor: tensor.name)
      }
    }
  }

  /// The metadata of all shards, the lineage of the first, and notes on keys with several values.
  var metadata: (strings: [Checkpoint.Metadatum], lineage: Lineage, notes: [Message]) {
    var notes = indexNotes + files.flatMap(\.notes)
    var strings = files[0].metadata
    var values: [UTF8Key: MetadataValue] = [:]
    for datum in strings { values[UTF8Key(datum.key)] = datum.value }
    var conflicts: [String] = []
    for datum in files.dropFirst().flatMap(\.metadata) {
      guard let known = values[UTF8Key(datum.key)] else {
        values[UTF8Key(datum.key)] = datum.value
        strings.append(datum)
        continue
      }
      if known != datum.value, !conflicts.contains(datum.key) { conflicts.append(datum.key) }
    }
    if !conflicts.isEmpty {
      notes.append(
        "the shards have different values of the metadata "
          + conflicts.map { "'\($0.printable)'" }.joined(separator: ", ")
          + "; those of the first shard are used")
    }
    return (
      strings.sorted { $0.key.precedesAsBytes($1.key) }, indexLineage ?? files[0].lineage, notes
    )
  }
}
