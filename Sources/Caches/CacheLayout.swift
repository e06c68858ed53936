import Base
import Checkpoints
package import TensorCore

/// What a user says of a cache that its file does not.
package struct CacheHints: Sendable {
  package enum Choice: String, Sendable, CaseIterable { case auto, yes, no }
  /// How the rotary embedding pairs the dimensions of a head.
  package enum Pairing: String, Sendable, CaseIterable {
    /// Half a head apart, as in Hugging Face's models.
    case halves
    /// Side by side, as in llama.cpp's Llama models.
    case adjacent
  }
  package enum Axes: String, Sendable, CaseIterable { case htd, thd }

  /// The layout, if it is not to be told from the files.
  package var layout: String?
  package var heads: Int?
  package var headDim: Int?
  package var layers: Int?
  package var dtype: DType?
  package var axes: Axes?
  package var rotated = Choice.auto
  package var pairing: Pairing?
  /// Which sequence of several to read.
  package var sequence: Int?

  package init() {}

  /// Heads, values of a head and layers are each fewer than this, so that products of them stay numbers.
  package static let limit = 1 << 16

  /// - Throws: an error that names a number out of range.
  func check() throws {
    for (what, number) in [("kv heads", heads), ("values in a head", headDim), ("layers", layers)] {
      guard let number, !(1..<Self.limit ~= number) else { continue }
      throw UsageError("\(number) \(what) were asked for, expected 1 to \(Self.limit - 1)")
    }
    if let sequence, Int32(exactly: sequence) == nil {
      throw UsageError("sequence \(sequence) was asked for, their numbers have 32 bits")
    }
  }
}

/// Files as a layout sees them before it reads them.
package struct CacheFiles: Sendable {
  /// As they were named: several for layouts of chunks.
  package let paths: [String]
  /// Names in it, if it is one folder.
  package let names: [String]
  /// The first bytes of the first file.
  package let prefix: [UInt8]

  package init(_ paths: [String]) throws {
    self.paths = paths
    let input = try InputTree(path: paths[0])
    prefix = input.prefix
    names = input.isFolder ? try input.entries().map(\.name).sorted() : []
  }

  package var path: String { paths[0] }
  package var isFolder: Bool { FileSystem.isDirectory(path) }
}

/// A way in which programs keep caches in files.
package protocol CacheLayout: Sendable {
  static var name: String { get }
  /// In half a sentence.
  static var summary: String { get }
  static func recognizes(_ files: CacheFiles) throws -> Bool
  /// - Throws: an error that names what the file does not say and the option that does.
  static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache
}

package enum CacheLayouts {
  /// The first that recognizes files reads them.
  package static let all: [any CacheLayout.Type] = [
    LayeredLayout.self, MLXLayout.self, OlderMLXLayout.self, VLLMLayout.self,
    OlderVLLMLayout.self, LMCacheLayout.self, LlamaLayout.self,
  ]

  package static subscript(name: String) -> (any CacheLayout.Type)? {
    all.first { $0.name == name }
  }

  package static func read(_ paths: [String], _ hints: CacheHints) throws -> KVCache {
    try hints.check()
    let files = try CacheFiles(paths)
    if let name = hints.layout {
      guard let layout = self[name] else {
        throw UsageError(
          "\(setting: "from") \(name.printable) is not known",
          hint: "the layouts are \(all.map { $0.name }.joined(separator: ", "))")
      }
      return try read(files, layout, hints)
    }
    if paths.count > 1, try !LMCacheLayout.recognizes(files) {
      throw UsageError(
        "\(paths.count) files were named, and \(files.path.printable) is no chunk of LMCache",
        hint: "other caches are one file or folder; name one at a time")
    }
    for layout in all where try layout.recognizes(files) { return try read(files, layout, hints) }
    throw FormatError(
      .cacheLayout, "is no cache of a layout that is known", path: files.path,
      hint: "name one with \(setting: "from"): \(all.map { $0.name }.joined(separator: ", "))")
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
        "\(files.path.printable): there are layers up to \(cache.layers.last?.number ?? 0), but none numbered \(numbers)"
      )
    }
    for (what, found, wanted, hint) in [
      (
        "kv heads", cache.dimensions[1], hints.heads,
        "with tensor parallelism a file has the heads of one rank only" as Message?
      ),
      ("values in a head", cache.dimensions[3], hints.headDim, nil),
      ("layers", cache.layers.count, hints.layers, nil),
    ] {
      guard let wanted, found != wanted else { continue }
      throw FormatError(
        .cacheShape, "has \(found) \(what), \(wanted) were asked for", path: files.path,
        hint: hint ?? "check \(setting: "kv-shape"), \(setting: "layers") or \(setting: "model")")
    }
    return cache
  }

  /// Those that are written, our own first.
  package static var writable: [any WritableCacheLayout.Type] {
    all.compactMap { $0 as? any WritableCacheLayout.Type }
  }
}

extension KVCache {
  /// With values of another dtype; reading throws where one is beyond its range.
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
