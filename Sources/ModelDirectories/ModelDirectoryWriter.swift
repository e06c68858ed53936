package import Base
package import Checkpoints
import TensorCore
import Zstd

/// Writes a checkpoint as a Hugging Face model folder, with a subfolder for each of its components.
package struct ModelDirectoryWriter: PartitionedWriter {
  /// The default shard size of Hugging Face's tools.
  package static let defaultShardByteCount = 5_000_000_000

  private let components: [any ComponentWriter]
  private let companions: [LazyTensor]
  package let plan: OutputPlan
  package let parts: [OutputPart]
  /// The component and the number in it of each part.
  private let places: [(component: Int, shard: Int)]
  /// The components with an index.
  private let indexed: [Int]

  /// Plans a folder.
  /// - Parameters:
  ///   - keepsAliases: True if the format stores aliases.
  ///   - writer: Returns the writer of a component with its tensors, whose names start with its path.
  package init(
    _ checkpoint: Checkpoint, options: WriterOptions, keepsAliases: Bool = false,
    writer: (ComponentLayout, [LazyTensor]) throws -> any ComponentWriter
  ) throws {
    let (tensors, notes) =
      keepsAliases && options.keepsAliases
      ? (checkpoint.tensors, []) : checkpoint.withoutAliases(keeping: options.keepsAliases)
    components = try Self.components(of: checkpoint, tensors).map(writer)
    companions = checkpoint.companions
    try Self.checkCompanions(checkpoint, weights: components.flatMap(\.paths))
    plan = Self.plan(components, companions: companions, notes: notes)
    let files = components.map(\.parts)
    parts = files.flatMap(\.self)
    places = files.enumerated().flatMap { component, files in
      files.indices.map { (component, $0) }
    }
    indexed = components.indices.filter { [components] in components[$0].indexPath != nil }
  }

  /// Returns the components with tensors; the folder itself comes first, and is left out if it has no tensors but its
  /// subfolders have.
  private static func components(
    of checkpoint: Checkpoint, _ tensors: [LazyTensor]
  ) -> [(ComponentLayout, [LazyTensor])] {
    let folder = checkpoint.folder
    let whole = ComponentLayout(path: "", layout: folder, metadata: checkpoint.metadata)
    guard !folder.components.isEmpty else { return [(whole, tensors)] }
    var parts = [(whole, [LazyTensor]())]
    parts += folder.components.map { ($0, []) }
    for tensor in tensors {
      parts[folder.component(of: tensor.name).map { $0 + 1 } ?? 0].1.append(tensor)
    }
    let filled = parts.filter { !$0.1.isEmpty }
    return filled.isEmpty ? [parts[0]] : filled
  }

  /// Throws if a companion could be taken for weights or conflicts with another file.
  ///
  /// A packed file may come from an untrusted source.
  private static func checkCompanions(_ checkpoint: Checkpoint, weights: [String]) throws {
    let names = Set((checkpoint.companions.map(\.name) + weights).map(UTF8Key.init))
    let weightsNames = Set(weights.map(UTF8Key.init))
    let components = checkpoint.folder.components.map(\.path)
    func isBlocked(_ path: String) -> Bool {
      guard path.utf8.contains(UInt8(ascii: "/")) else { return false }
      let parts = RelativePath.components(of: path)
      let folders = (1..<max(1, parts.count)).map { parts.prefix($0).joined(separator: "/") }
      return folders.contains { names.contains(UTF8Key($0)) }
    }
    func error(_ path: String) -> FormatError {
      FormatError(
        .modelDirectory,
        "contains the file '\(path.printable)', which cannot be written to a model folder",
        path: checkpoint.path, hint: "write a .safetensors or .sumac file instead")
    }
    let companions = checkpoint.companions.map(\.name).filter {
      isBlocked($0) || weightsNames.contains(UTF8Key($0))
        || !Companions.isCarried($0, components: components)
    }
    try SeveralErrors.throwIfAny((companions + weights.filter(isBlocked)).map(error))
  }

  private static func plan(
    _ components: [any ComponentWriter], companions: [LazyTensor], notes: [Message]
  ) -> OutputPlan {
    let companionByteCount = companions.reduce(0) { $0 + $1.info.byteCount }
    let files = components.flatMap(\.parts).reduce(0) { $0 + $1.byteCount }
    let values = components.reduce(0) { $0 + $1.valueByteCount }
    let workspace = max(
      components.map(\.demand.workerByteCount).max() ?? 0,
      Engine.workspaceByteCount(of: companions, extra: { _ in 0 }))
    return OutputPlan(
      rows: components.flatMap(\.rows), companions: companions.map(\.name),
      byteCount: files + components.reduce(0) { $0 + $1.indexByteCount } + companionByteCount,
      isExact: components.allSatisfy(\.isExact),
      demand: MemoryBudget.Demand(
        fixedByteCount: components.reduce(0) { $0 + $1.demand.fixedByteCount },
        workerByteCount: workspace + ZstdSettings.decompressionByteCount),
      tileCount: components.reduce(0) { $0 + $1.tileCount },
      valueByteCount: values + companionByteCount, notes: notes)
  }

  package func estimatedByteCount() throws -> Int? {
    guard !plan.isExact else { return nil }
    var total = companions.reduce(0) { $0 + $1.info.byteCount }
    for component in components {
      guard let count = try component.estimatedByteCount() else { return nil }
      total += count
    }
    return total
  }

  package var otherFiles: [String] {
    indexed.compactMap { components[$0].indexPath } + companions.map(\.name)
  }

  package func write(part: Int, to file: OutputFile, engine: Engine) throws {
    let place = places[part]
    try components[place.component].write(part: place.shard, to: file, engine: engine)
  }

  package func record(
    _ losses: [TensorLoss], inPart part: Int, to file: OutputFile, engine: Engine
  ) throws {
    let place = places[part]
    try components[place.component].record(
      losses, inPart: place.shard, to: file, engine: engine)
  }

  package func write(
    otherFile number: Int, to file: OutputFile, beside folder: String, losses: [TensorLoss],
    engine: Engine
  ) throws {
    guard number >= indexed.count else {
      return try components[indexed[number]].writeIndex(
        to: file, beside: folder, losses: losses)
    }
    let companion = companions[number - indexed.count]
    try engine.forEachTile(
      of: [companion],
      workspaceByteCount: Engine.workspaceByteCount(of: [companion], extra: { _ in 0 }),
      finishesTensors: false
    ) { _, tile, values, _ in
      try file.write(values, at: tile.elements.lowerBound)
    }
  }
}
