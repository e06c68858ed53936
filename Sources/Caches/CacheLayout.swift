package import Base
package import Checkpoints
package import TensorCore

/// Facts about a cache that its files do not contain.
package struct CacheHints: Sendable {
  /// A fact that is true, false, or detected.
  package enum Choice: String, Sendable, CaseIterable { case auto, yes, no }
  /// The pairs that the rotary embedding forms from the dimensions of a head.
  package enum Pairing: String, Sendable, CaseIterable {
    /// Pairs are half a head apart, as in Hugging Face models.
    case halves
    /// Pairs are adjacent, as in llama.cpp's Llama models.
    case adjacent
  }
  /// The order of three dimensions: heads (h), tokens (t) and head dim (d).
  package enum Axes: String, Sendable, CaseIterable { case htd, thd }

  /// The name of the layout; detected from the files if nil.
  package var layout: String?
  package var heads: Int?
  package var headDim: Int?
  package var layers: Int?
  package var dtype: DType?
  package var axes: Axes?
  package var rotated = Choice.auto
  package var pairing: Pairing?
  /// The sequence to read if a file has several.
  package var sequence: Int?

  package init() {}

  /// The exclusive upper limit of heads, values in a head, and layers, so that their products do not overflow.
  package static let limit = 1 << 16

  /// Checks the ranges of the numbers.
  /// - Throws: An error that names a number out of range.
  func check() throws {
    for (what, number) in [("kv heads", heads), ("values in a head", headDim), ("layers", layers)] {
      guard let number, !(1..<Self.limit ~= number) else { continue }
      throw UsageError("\(number) \(what) requested, expected 1 to \(Self.limit - 1)")
    }
    if let sequence, Int32(exactly: sequence) == nil {
      throw UsageError("sequence \(sequence) is out of range; sequence numbers have 32 bits")
    }
  }
}

/// The files of a cache before they are read, for detecting the layout.
package struct CacheFiles: Sendable {
  /// The inputs as given; several for layouts with chunks.
  package let inputs: [InputTree]
  /// The names of the entries if the first input is a folder.
  package let names: [String]

  /// - Parameter inputs: One or more files, or a folder.
  package init(_ inputs: [InputTree]) throws {
    self.inputs = inputs
    names = inputs[0].isFolder ? try inputs[0].entries().map(\.name).sorted() : []
  }

  /// The first input.
  package var input: InputTree { inputs[0] }
  package var path: String { input.path }
  package var isFolder: Bool { input.isFolder }
  package var isAlone: Bool { inputs.count == 1 }
  /// The first bytes of the first file.
  package var prefix: [UInt8] { input.prefix }
}

/// A file layout in which programs store caches.
package protocol CacheLayout: Sendable {
  static var name: String { get }
  /// A short description for help texts.
  static var summary: String { get }
  /// Returns true if the files have this layout.
  static func recognizes(_ files: CacheFiles) throws -> Bool
  /// Reads the headers of a cache.
  /// - Throws: An error that names the missing fact and the option that supplies it.
  static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache
  /// The layout as one that can be written; nil if it is only read.
  static var writable: (any WritableCacheLayout.Type)? { get }
}

extension CacheLayout {
  package static var writable: (any WritableCacheLayout.Type)? { nil }
}

/// The registry of cache layouts.
package enum CacheLayouts {
  /// All layouts; the first that recognizes the files reads them.
  package static let all: [any CacheLayout.Type] = [
    LayeredLayout.self, TransformersLayout.self, MLXLayout.self, OlderMLXLayout.self,
    VLLMLayout.self,
    OlderVLLMLayout.self, LMCacheLayout.self, LlamaLayout.self,
  ]

  /// Returns the layout with the given name.
  package static subscript(name: String) -> (any CacheLayout.Type)? {
    all.first { $0.name == name }
  }

  /// Reads the headers of a cache in the layout of the hints, or in the layout that is detected.
  /// - Throws: An error if no layout recognizes the files, or if they contradict the hints.
  /// - Parameter limit: The limit on memory for the catalog of tensors.
  package static func read(
    _ paths: [String], _ hints: CacheHints, limit: CatalogLimit = .none
  ) throws -> KVCache {
    try hints.check()
    let files = try CacheFiles(paths.map { try InputTree(path: $0, limit: limit) })
    if let name = hints.layout {
      guard let layout = self[name] else {
        throw UsageError(
          "\(setting: "from") \(name.printable) is not a known layout",
          hint: "the layouts are \(all.map { $0.name }.joined(separator: ", "))")
      }
      return try read(files, layout, hints)
    }
    if paths.count > 1, try !LMCacheLayout.recognizes(files) {
      throw UsageError(
        "\(paths.count) files given, but \(files.path.printable) is not an LMCache chunk",
        hint: "other caches are a single file or folder; pass one at a time")
    }
    for layout in all where try layout.recognizes(files) { return try read(files, layout, hints) }
    throw FormatError(
      .cacheLayout, "is not a cache in a known layout", path: files.path,
      hint:
        "pass \(setting: "from") with one of \(all.map { $0.name }.joined(separator: ", "))"
    )
  }
}

extension CacheLayouts {
  private static func read(
    _ files: CacheFiles, _ layout: any CacheLayout.Type, _ hints: CacheHints
  ) throws -> KVCache {
    var cache = try layout.read(files, hints)
    if !cache.missingLayers.isEmpty {
      let numbers = cache.missingLayers.prefix(8).map(String.init).joined(separator: ", ")
      cache.origin.notes.append(
        "\(files.path.printable): has layers up to \(cache.layers.last?.number ?? 0), but none numbered \(numbers)"
      )
    }
    for (what, found, wanted, hint) in [
      (
        "kv heads", cache.dimensions[1], hints.heads,
        "with tensor parallelism, a file has the heads of only one rank" as Message?
      ),
      ("values in a head", cache.dimensions[3], hints.headDim, nil),
      ("layers", cache.layers.count, hints.layers, nil),
    ] {
      guard let wanted, found != wanted else { continue }
      throw FormatError(
        .cacheShape, "has \(found) \(what), expected \(wanted)", path: files.path,
        hint: hint ?? "check \(setting: "kv-shape"), \(setting: "layers") or \(setting: "model")")
    }
    return cache
  }

  /// The layouts that can be written, sumac's own first.
  package static var writable: [any WritableCacheLayout.Type] {
    all.compactMap { $0.writable }
  }
}

extension KVCache {
  /// Returns the cache with values of another dtype; reading throws if a value is out of range.
  package func cast(to dtype: DType) throws -> KVCache {
    try mapped { tensor in
      guard tensor.info.dtype != dtype else { return tensor }
      var checkpoint = origin
      checkpoint.tensors = [tensor]
      return RangeSource.tensor(
        try Cast(to: dtype).applied(to: checkpoint).tensors[0], of: tensor)
    }
  }
}
