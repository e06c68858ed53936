import Base
import Checkpoints
import ModelDirectories
import PackedFormat
import Packing
import TensorCore

/// The `.sumac` shards and the index of a model folder or of one of its components.
///
/// The index contains the lineage, so that shards do not depend on each other.
struct PackedComponentWriter: ComponentWriter {
  private struct Shard {
    /// The path in the model folder.
    var file: String
    var writer: PackedCheckpointWriter
  }

  private let prefix: String
  private let layout: FolderLayout
  private let shards: [Shard]
  /// The tensors in the order of the catalog, with the file of each.
  private let entries: [ShardIndexText.Entry]
  private let lineage: Lineage?
  /// The number of values and their length in bytes, without aliases.
  private let elementCount: Int
  private let totalByteCount: Int
  let indexByteCount: Int
  let rows: [OutputPlan.Row]

  /// Plans the files of a component.
  /// - Parameters:
  ///   - component: The path, the names and the strings of the component; its path is empty for the folder itself.
  ///   - tensors: Its tensors, whose names start with its path.
  ///   - checkpoint: The whole model.
  init(
    _ component: ComponentLayout, _ tensors: [LazyTensor], of checkpoint: Checkpoint,
    options: WriterOptions
  ) throws {
    guard !tensors.isEmpty else {
      throw FormatError(
        .modelDirectory, "contains no tensor, and a folder of .sumac shards needs one",
        path: checkpoint.path, hint: "write a single .sumac file")
    }
    let prefix = component.path.isEmpty ? "" : component.prefix
    let local = Self.local(tensors, prefix: prefix)
    var shared = options
    shared.lineage = nil
    let first = Self.first(component, of: checkpoint)
    let parts = try Self.parts(local, prefix: prefix, first: first, options: shared)
    shards = try parts.enumerated().map { number, tensors in
      var shard = number == 0 ? first : Self.empty(of: checkpoint)
      shard.tensors = tensors
      return Shard(
        file: prefix
          + component.layout.fileName(
            of: number, among: parts.count, suffix: PackedWeights.suffix, isShard: true),
        writer: try PackedCheckpointWriter(shard, options: shared))
    }
    self.prefix = prefix
    layout = component.layout
    lineage = options.lineage
    var files: [UTF8Key: String] = [:]
    for shard in shards {
      let file = String(shard.file.dropFirst(prefix.count))
      for row in shard.writer.plan.rows { files[UTF8Key(row.name)] = file }
    }
    entries = local.compactMap { tensor in
      files[UTF8Key(tensor.name)].map { ShardIndexText.Entry(tensor: tensor.name, file: $0) }
    }
    let stored = local.filter { $0.aliasOf == nil }
    elementCount = stored.reduce(0) { $0 + $1.info.elementCount }
    totalByteCount = stored.reduce(0) { $0 + $1.info.byteCount }
    rows = shards.flatMap { shard in
      shard.writer.plan.rows.map { row in
        var row = row
        row.name = prefix + row.name
        row.file = shard.file
        return row
      }
    }
    let longest = lineage?.recording(ModelLoss.longest(names: tensors.map(\.name)))
    indexByteCount = try Self.index(
      shards.map { shard in
        PackedShardList.Shard(
          name: String(shard.file.dropFirst(prefix.count)),
          byteCount: shard.writer.plan.byteCount,
          hash: String(repeating: "0", count: PackedShardList.digitCount))
      }, longest, entries, elementCount, totalByteCount, layout
    ).count
  }

  // MARK: Planning

  /// Returns the tensors under the names that they have in the files of the component. A tensor that is an alias of one
  /// outside of it becomes a tensor of its own.
  private static func local(_ tensors: [LazyTensor], prefix: String) -> [LazyTensor] {
    let present = Set(tensors.map { UTF8Key($0.name) })
    var firsts: [UTF8Key: String] = [:]
    return tensors.map { tensor in
      var tensor = tensor
      tensor.info.name = String(tensor.name.dropFirst(prefix.count))
      guard let target = tensor.aliasOf else { return tensor }
      if present.contains(UTF8Key(target)) {
        tensor.aliasOf = String(target.dropFirst(prefix.count))
      } else if let first = firsts[UTF8Key(target)] {
        tensor.aliasOf = first
      } else {
        firsts[UTF8Key(target)] = tensor.name
        tensor.aliasOf = nil
      }
      return tensor
    }
  }

  private static func empty(of checkpoint: Checkpoint) -> Checkpoint {
    Checkpoint(
      path: checkpoint.path, container: .sumac, tensors: [],
      identity: InputIdentity(hash: "", byteCount: 0), files: [])
  }

  /// Returns what only the first shard contains: the strings of the component, and data of other programs.
  private static func first(_ component: ComponentLayout, of checkpoint: Checkpoint) -> Checkpoint {
    var first = empty(of: checkpoint)
    first.metadata = component.metadata
    if component.path.isEmpty { first.attributes = checkpoint.attributes }
    return first
  }

  private static func parts(
    _ tensors: [LazyTensor], prefix: String, first: Checkpoint, options: WriterOptions
  ) throws -> [[LazyTensor]] {
    let cut = PackedCut(tensors)
    let own = options.cut?.filter { $0.first?.hasPrefix(prefix) ?? false }.map { names in
      names.map { String($0.dropFirst(prefix.count)) }
    }
    if let parts = own.flatMap(cut.parts(named:)) { return parts }
    func byteCount(_ tensors: [LazyTensor], of checkpoint: Checkpoint) throws -> Int {
      var checkpoint = checkpoint
      checkpoint.tensors = tensors
      return try PackedCheckpointWriter(checkpoint, options: options).plan.byteCount
    }
    let empty = empty(of: first)
    return try cut.parts(
      upTo: options.shardByteCount ?? ModelDirectoryWriter.defaultShardByteCount,
      firstByteCount: byteCount([], of: first)
    ) { try byteCount($0, of: empty) }
  }

  // MARK: Plan

  var parts: [OutputPart] {
    shards.map { shard in
      let plan = shard.writer.plan
      return OutputPart(
        file: shard.file, tensorNames: plan.rows.map { prefix + $0.name },
        byteCount: plan.byteCount, valueByteCount: plan.valueByteCount, lateByteCount: 0)
    }
  }

  var indexPath: String? { prefix + layout.indexName(suffix: PackedWeights.suffix) }

  /// The lengths of shards are upper bounds, and so is that of the index, which states them.
  var isExact: Bool { false }

  var demand: MemoryBudget.Demand {
    let demands = shards.map(\.writer.plan.demand)
    return MemoryBudget.Demand(
      fixedByteCount: (demands.map(\.fixedByteCount).max() ?? 0) + 4 * indexByteCount,
      workerByteCount: demands.map(\.workerByteCount).max() ?? 0)
  }

  var tileCount: Int { shards.reduce(0) { $0 + $1.writer.plan.tileCount } }

  var valueByteCount: Int { shards.reduce(0) { $0 + $1.writer.plan.valueByteCount } }

  /// The number of shards of which a sample of the values is encoded for an estimate.
  private static let sampledShardCount = 4

  func estimatedByteCount() throws -> Int? {
    var (planned, sampled, estimated) = (0, 0, 0)
    let count = min(shards.count, Self.sampledShardCount)
    let samples = Set((0..<count).map { $0 * shards.count / count })
    for (number, shard) in shards.enumerated() {
      let byteCount = shard.writer.plan.byteCount
      planned += byteCount
      guard samples.contains(number) else { continue }
      guard let estimate = try shard.writer.estimatedByteCount() else { return nil }
      sampled += byteCount
      estimated += estimate
    }
    let share = Double(estimated) / Double(max(1, sampled))
    return indexByteCount + Int(Double(planned) * share)  // fits: the share is at most about 1
  }

  // MARK: Writing

  func write(part: Int, to file: OutputFile, engine: Engine) throws {
    let writer = shards[part].writer
    guard !prefix.isEmpty else { return try writer.write(to: file, engine: engine) }
    // Losses are known by the names of the whole model.
    let own = Engine(
      workers: engine.workers, cancellation: engine.cancellation, progress: engine.progress)
    try writer.write(to: file, engine: own)
    for loss in own.losses.tensors {
      if let info = info(loss.name, of: writer) { engine.losses.record(loss.loss, of: info) }
    }
    for name in own.losses.kept {
      if let info = info(name, of: writer) { engine.losses.keep(info) }
    }
  }

  /// Returns the info of a tensor under its name in the whole model.
  private func info(_ name: String, of writer: PackedCheckpointWriter) -> TensorInfo? {
    guard var info = writer.info(of: name) else { return nil }
    info.name = prefix + info.name
    return info
  }

  func writeIndex(to file: OutputFile, beside folder: String, losses: [TensorLoss]) throws {
    let list = try shards.map { shard in
      let input = try InputFile(path: folder + "/" + shard.file)
      let trailer = try FileTrailer(of: input)
      return PackedShardList.Shard(
        name: String(shard.file.dropFirst(prefix.count)), byteCount: input.byteCount,
        hash: trailer.hash.hexadecimal)
    }
    let names = Set(entries.map { UTF8Key(prefix + $0.tensor) })
    let own = losses.filter { names.contains(UTF8Key($0.name)) }
    let recorded = lineage?.recording(ModelLoss(own, elementCount: elementCount))
    let text = try Self.index(list, recorded, entries, elementCount, totalByteCount, layout)
    try file.write(text.rawSpan, at: 0)
  }

  private static func index(
    _ shards: [PackedShardList.Shard], _ lineage: Lineage?, _ entries: [ShardIndexText.Entry],
    _ elementCount: Int, _ byteCount: Int, _ layout: FolderLayout
  ) throws -> [UInt8] {
    let list = PackedShardList(shards, lineage: try lineage?.json())
    return ShardIndexText(
      entries, valueByteCount: byteCount, elementCount: elementCount, folder: layout
    ).json(adding: (PackedShardList.key, try list.json))
  }
}
