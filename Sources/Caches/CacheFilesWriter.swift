package import Base
package import Checkpoints
import Containers
import Safetensors
import TensorCore

/// Writes caches whose files are a sequence of bytes and tensors, such as headers, rows and safetensors.
package struct CacheFilesWriter: CheckpointWriter {
  /// A part of a file.
  package enum Part: Sendable {
    case bytes([UInt8])
    /// The canonical bytes of a tensor.
    case tensor(LazyTensor)
  }

  /// A file as a sequence of parts.
  package struct File: Sendable {
    /// The name inside the folder; empty if the output is a single file.
    var name: String
    var parts: [Part]

    package init(name: String, parts: [Part]) {
      self.name = name
      self.parts = parts
    }

    /// Creates a safetensors file of `tensors` with only the given metadata.
    init(
      name: String, safetensors tensors: [LazyTensor], metadata: [Checkpoint.Metadatum] = [],
      path: String
    ) throws {
      let layout = try SafetensorsLayout(tensors, metadata: metadata, path: path)
      self.init(
        name: name, parts: [.bytes(layout.header)] + layout.tensors.map { .tensor($0) })
    }

    var byteCount: Int {
      parts.reduce(0) { total, part in
        switch part {
        case .bytes(let bytes): total + bytes.count
        case .tensor(let tensor): total + tensor.info.byteCount
        }
      }
    }
  }

  private let files: [File]
  package let isDirectory: Bool
  package let plan: OutputPlan

  /// Creates a writer.
  /// - Parameter notes: Warnings about the output.
  package init(_ files: [File], isDirectory: Bool, notes: [Message] = []) {
    self.files = files
    self.isDirectory = isDirectory
    var rows: [OutputPlan.Row] = []
    var tensors: [LazyTensor] = []
    for file in files {
      for case .tensor(let tensor) in file.parts {
        tensors.append(tensor)
        rows.append(
          OutputPlan.Row(
            name: tensor.name, shape: tensor.info.shape, from: tensor.stored.label,
            to: tensor.info.dtype.name, byteCount: tensor.info.byteCount, isExact: true,
            file: file.name))
      }
    }
    plan = OutputPlan(
      rows: rows, companions: [], byteCount: files.reduce(0) { $0 + $1.byteCount },
      isExact: true,
      demand: MemoryBudget.Demand(
        fixedByteCount: 1 << 20,
        workerByteCount: Engine.workspaceByteCount(of: tensors, extra: { _ in 0 })),
      tileCount: tensors.reduce(0) { $0 + $1.info.grid.count },
      valueByteCount: tensors.reduce(0) { $0 + $1.info.byteCount }, notes: notes)
  }

  package func write(to output: AtomicOutput, engine: Engine) throws {
    guard isDirectory else {
      return try output.writeFile { try write(files[0], to: $0, engine) }
    }
    try output.writeDirectory { folder in
      for file in files {
        try folder.writeFile(file.name) { try write(file, to: $0, engine) }
      }
    }
  }

  private func write(_ file: File, to output: OutputFile, _ engine: Engine) throws {
    try output.reserve(byteCount: file.byteCount)
    var end = 0
    var tensors: [LazyTensor] = []
    var offsets: [Int] = []
    for part in file.parts {
      switch part {
      case .bytes(let bytes):
        try output.write(bytes.rawSpan, at: end)
        end += bytes.count
      case .tensor(let tensor):
        tensors.append(tensor)
        offsets.append(end)
        end += tensor.info.byteCount
      }
    }
    let byteOffsets = offsets
    let infos = tensors.map(\.info)
    try engine.forEachTile(
      of: tensors,
      workspaceByteCount: Engine.workspaceByteCount(of: tensors, extra: { _ in 0 })
    ) { _, tile, values, _ in
      let bytes = infos[tile.tensor].bytes(of: tile.elements)
      try output.write(values, at: byteOffsets[tile.tensor] + bytes.lowerBound)
    }
  }
}

/// A cache layout that can be written.
package protocol WritableCacheLayout: CacheLayout {
  /// True if files can store tensors other than keys and values.
  static var holdsAll: Bool { get }
  /// True if files can store the positions of the tokens.
  static var holdsPositions: Bool { get }
  /// True if files store the numbers of layers, not only their order.
  static var numbersLayers: Bool { get }
  /// Returns a writer of the cache in this layout.
  /// - Throws: An error that names what the layout requires and the cache does not have.
  static func writer(_ cache: KVCache, _ request: CacheOutput) throws -> CacheFilesWriter
}

extension WritableCacheLayout {
  package static var writable: (any WritableCacheLayout.Type)? { Self.self }
  package static var holdsPositions: Bool { holdsAll }
  package static var numbersLayers: Bool { holdsAll }

  /// Returns a writer after checking that the layout can store the layer numbers.
  package static func checkedWriter(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    if !numbersLayers, let first = cache.missingLayers.first {
      throw FormatError(
        .cacheShape,
        "has no layer \(first), but \(name) numbers layers by their order, so later layers would change number",
        path: cache.origin.path)
    }
    return try writer(cache, request)
  }

  /// Returns notes on the parts of a cache that this layout does not store.
  package static func losses(of cache: KVCache) -> [Message] {
    var losses: [Message] = []
    let known =
      holdsPositions ? [KVCache.tokensName, "input_ids", "tokens", KVCache.positionsName] : []
    let others = cache.others.map(\.name).filter { !known.contains($0) }
    if !holdsAll, !others.isEmpty {
      losses.append(
        "\(name) cannot store other tensors; omitted: "
          + others.map(\.printable).joined(separator: ", "))
    }
    if !holdsPositions, cache.positions != nil {
      losses.append(
        "\(name) cannot store positions; its readers assume the positions 0, 1, 2, …")
    }
    return losses
  }
}

/// The path, dtype and hints of a cache to write.
package struct CacheOutput: Sendable {
  package var path: String
  /// The dtype of the values; unchanged if nil.
  package var dtype: String?
  package var hints: CacheHints

  package init(path: String, dtype: String? = nil, hints: CacheHints = CacheHints()) {
    self.path = path
    self.dtype = dtype
    self.hints = hints
  }

  /// True if the output is a folder, according to its name.
  var isFolder: Bool { (try? Containers.output(forPath: path))?.isFolder ?? false }
}

extension LazyTensor {
  /// Returns a tensor [1, kv heads, tokens, head dim] as [tokens, kv heads · head dim].
  /// - Throws: An error if the batch is not 1.
  func tokenMajor(named name: String, path: String) throws -> LazyTensor {
    let dimensions = info.shape.dimensions
    guard dimensions[0] == 1 else {
      throw FormatError(
        .cacheShape, "has a batch of \(dimensions[0]), but this layout stores only one sequence",
        path: path, tensor: self.name)
    }
    let info = try TensorInfo(
      name: name, dtype: info.dtype, shape: Shape([dimensions[2], dimensions[1] * dimensions[3]]))
    return LazyTensor(info: info, source: TokenMajorSource(self), stored: stored)
  }
}
