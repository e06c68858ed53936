import Base
import Checkpoints
import TensorCore

/// A folder without weights files at its top, and the reason for that.
struct FolderWithoutWeights {
  private static let maximumDepth = 3

  private let input: InputTree
  private let folders: [String]
  private let files: [String]
  private let formats: WeightsFormats
  /// The number of models that the error names.
  private static let shownCount = 16

  init(_ input: InputTree, entries: [FileTreeEntry], _ formats: WeightsFormats) {
    self.input = input
    self.formats = formats
    folders = entries.filter { [.folder, .linkedFolder].contains($0.kind) }.map(\.name)
    files = entries.filter { ![.folder, .linkedFolder].contains($0.kind) }.map(\.name)
  }

  /// The error that names what was found and what to do.
  var error: FormatError {
    get throws {
      if let error = try cacheError { return error }
      let models = try models(in: folders.filter { !$0.hasPrefix(".") }, depth: 1)
      if !models.isEmpty {
        let list =
          models.prefix(Self.shownCount).map(\.printable).joined(separator: ", ")
          + (models.count > Self.shownCount ? " and \(models.count - Self.shownCount) more" : "")
        return FormatError(
          .severalModels,
          "the folder has no weights of its own; weights are in its subfolders: \(list)",
          path: input.path,
          hint: "name one of them, such as \(input.path(of: models[0]).printable)")
      }
      let shards = files.filter(WeightFileNames.isPackedShard)
      if !shards.isEmpty {
        return FormatError(
          .modelDirectory,
          "the folder contains \(shards.count.counted("shard")), such as \(shards[0].printable), but not their "
            + "index", path: input.path,
          hint: "fetch the index too, or name one shard to read it alone")
      }
      let others = files.filter(WeightFileNames.mayContainTensors)
      let found = others.isEmpty ? "" : ", only \(others.map(\.printable).joined(separator: ", "))"
      return FormatError(
        .noWeights,
        "the folder contains no weights\(found); expected "
          + "\(SafetensorsWeights.singleFile) or \(SafetensorsWeights.singleIndex)",
        path: input.path, hint: "list what it contains with: \(command: "inspect")")
    }
  }

  /// The error for a folder of the Hugging Face cache, whose models are in snapshots; nil for other folders.
  private var cacheError: FormatError? {
    get throws {
      let models = folders.filter { $0.hasPrefix("models--") }
      if !models.isEmpty {
        return FormatError(
          .hubCache,
          "is the cache of Hugging Face with \(models.count.counted("model")): "
            + models.map(\.printable).joined(separator: ", "), path: input.path,
          hint: "name the folder of a snapshot, such as "
            + "\(input.path(of: models[0]).printable)/snapshots/REVISION")
      }
      let name = FileSystem.baseName(of: input.path)
      let parts = ["blobs", "refs", "snapshots"].filter(folders.contains)
      guard parts.count >= 2 || (name.hasPrefix("models--") && !parts.isEmpty) else { return nil }
      let snapshots = try snapshots
      guard let first = snapshots.first else {
        return FormatError(
          .hubCache, "is a folder of the Hugging Face cache without a snapshot of the model",
          path: input.path, hint: "download the model again")
      }
      return FormatError(
        .hubCache,
        "is a folder of the Hugging Face cache; the model is in "
          + snapshots.map { "snapshots/\($0.printable)" }.joined(separator: ", "),
        path: input.path, hint: "name \(input.path(of: "snapshots/" + first).printable)")
    }
  }

  private var snapshots: [String] {
    get throws {
      guard folders.contains("snapshots") else { return [] }
      return try input.entries(in: "snapshots").filter { $0.kind == .folder }.map(\.name)
    }
  }

  /// Returns the subfolders that contain weights files; folders inside them are not listed.
  private func models(in folders: [String], depth: Int) throws -> [String] {
    try folders.flatMap { folder -> [String] in
      let entries = try input.entries(in: folder)
      if entries.contains(where: {
        $0.kind != .folder && formats.format(of: $0.name) != nil
      }) {
        return [folder]
      }
      guard depth < Self.maximumDepth else { return [] }
      let inner = entries.filter { $0.kind == .folder && !$0.name.hasPrefix(".") }
      return try models(in: inner.map { folder + "/" + $0.name }, depth: depth + 1)
    }
  }
}
