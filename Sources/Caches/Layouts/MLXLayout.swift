import Base
import Checkpoints
import Safetensors
import TensorCore

/// The layout of mlx-lm's prompt caches, in two versions.
///
/// Since 0.32.0, arrays can be longer than their contents, whose length is stored in scalar tensors. Before,
/// arrays have the exact length, and the other numbers are in the metadata.
package enum MLXLayout: CacheLayout {
  package static let name = "mlx"
  package static let summary = "an mlx-lm prompt cache, either version"

  private static let classes = ["KVCache", "QuantizedKVCache", "RotatingKVCache"]

  package static func recognizes(_ files: CacheFiles) throws -> Bool {
    guard files.isAlone, !files.isFolder, SafetensorsContainer.recognizes(files.input) else {
      return false
    }
    return isPadded(try SafetensorsContainer.read(files.input)) != nil
  }

  /// Returns true for the newer version, false for the older one, and nil for other files.
  private static func isPadded(_ checkpoint: Checkpoint) -> Bool? {
    func hasClass(_ key: String) -> Bool {
      value(checkpoint, key)?.hasSuffix("Cache") == true
        || value(checkpoint, key) == "CacheList"
    }
    return hasClass("2.0") ? false : hasClass("1.0") ? true : nil
  }

  private static func value(_ checkpoint: Checkpoint, _ key: String) -> String? {
    checkpoint.metadataString(key)
  }

  // MARK: Reading

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    let checkpoint = try SafetensorsContainer.read(files.input)
    guard let isPadded = isPadded(checkpoint) else {
      throw FormatError(
        .cacheLayout, "has no cache class in its metadata, as mlx-lm files do",
        path: files.path)
    }
    var file = File(checkpoint: checkpoint, isPadded: isPadded)
    var layers: [KVCache.Layer] = []
    while let name = value(checkpoint, "\(isPadded ? 1 : 2).\(layers.count)") {
      guard classes.contains(name) else {
        throw FormatError(
          .cacheLayout,
          "layer \(layers.count) has the class \(name.printable), which is not supported",
          path: files.path,
          hint: "the supported classes are \(classes.joined(separator: ", "))")
      }
      layers.append(try file.layer(layers.count, name))
    }
    var origin = checkpoint
    let prefix = isPadded ? "0." : "1."
    origin.metadata = checkpoint.metadata.compactMap { datum in
      guard datum.key.hasPrefix(prefix) else { return nil }
      return Checkpoint.Metadatum(
        key: String(datum.key.dropFirst(prefix.count)), value: datum.value)
    }
    origin.notes += file.notes
    var cache = try KVCache(layout: name, layers: layers, origin: origin)
    cache.positions = file.positions
    return cache
  }

  /// A file that is being read.
  private struct File {
    let checkpoint: Checkpoint
    let isPadded: Bool
    var notes: [Message] = []
    /// The positions of the rows if a ring buffer has wrapped around.
    var positions: [Int32]?

    func tensor(_ name: String) throws -> LazyTensor {
      guard let tensor = checkpoint.tensors.first(where: { $0.name == name }) else {
        throw FormatError(
          .cacheShape, "has no tensor '\(name)', which its class requires",
          path: checkpoint.path)
      }
      return tensor
    }

    /// Returns a number, stored as a tensor in the newer version and as text in the older one.
    func number(_ layer: Int, tensor index: Int, text: Int) throws -> Int {
      if isPadded {
        let tensor = try tensor("\(layer).\(index)")
        let bytes = try tensor.info.elementCount == 1 ? tensor.bytes() : []
        guard tensor.info.dtype == .i32, bytes.count == 4 else {
          throw FormatError(
            .cacheShape, "is \(tensor.info.dtype.name) \(tensor.info.shape), expected one I32",
            path: checkpoint.path, tensor: tensor.name)
        }
        return Int(
          Int32(
            truncatingIfNeeded: (0..<4).reduce(UInt32(0)) {
              $0 | UInt32(bytes[$1]) << UInt32(8 * $1)
            }))
      }
      let key = "0.\(layer).\(text)"
      guard let text = MLXLayout.value(checkpoint, key), let number = Int(text) else {
        throw FormatError(
          .cacheShape, "has no number under '\(key)' in its metadata", path: checkpoint.path)
      }
      return number
    }

    mutating func layer(_ number: Int, _ name: String) throws -> KVCache.Layer {
      switch name {
      case "QuantizedKVCache":
        let offset = try self.number(number, tensor: 2, text: 0)
        let group = try self.number(number, tensor: 3, text: 1)
        let bits = try self.number(number, tensor: 4, text: 2)
        let parts = try (0..<2).map { part in
          try MLXQuantizedRows.tensor(
            codes: tensor("\(number).\(part).0"), scales: tensor("\(number).\(part).1"),
            biases: tensor("\(number).\(part).2"), group: group, bits: bits,
            path: checkpoint.path)
        }
        return KVCache.Layer(
          number: number, key: try cut(parts[0], to: offset),
          value: try cut(parts[1], to: offset))
      case "RotatingKVCache":
        let keep = try self.number(number, tensor: 3, text: 0)
        let size = try self.number(number, tensor: 4, text: 1)
        let offset = try self.number(number, tensor: 2, text: 2)
        let index = try self.number(number, tensor: 5, text: 3)
        let parts = try (0..<2).map { part in
          try ordered(
            tensor("\(number).\(part)"), keep: keep, size: size, offset: offset, index: index,
            isFirst: number == 0 && part == 0)
        }
        return KVCache.Layer(number: number, key: parts[0], value: parts[1])
      default:
        let parts = try (0..<2).map { try tensor("\(number).\($0)") }
        guard isPadded else {
          return KVCache.Layer(number: number, key: parts[0], value: parts[1])
        }
        let offset = try self.number(number, tensor: 2, text: 0)
        return KVCache.Layer(
          number: number, key: try cut(parts[0], to: offset),
          value: try cut(parts[1], to: offset))
      }
    }

    private func rows(_ tensor: LazyTensor) throws -> Int {
      guard tensor.info.shape.dimensions.count == 4 else {
        throw FormatError(
          .cacheShape, "is \(tensor.info.shape), expected [batch, kv heads, tokens, head dim]",
          path: checkpoint.path, tensor: tensor.name)
      }
      return tensor.info.shape.dimensions[2]
    }

    /// Returns the first `count` rows.
    private func cut(_ tensor: LazyTensor, to count: Int) throws -> LazyTensor {
      let rows = try rows(tensor)
      guard 1...max(1, rows) ~= count else {
        throw FormatError(
          .cacheShape, "has \(rows) rows, but its offset is \(count)",
          path: checkpoint.path, tensor: tensor.name)
      }
      return try TokenRange.tensor(tensor, 0..<count, named: tensor.name)
    }

    /// Returns the rows of a ring buffer in the order of time.
    private mutating func ordered(
      _ tensor: LazyTensor, keep: Int, size: Int, offset: Int, index: Int, isFirst: Bool
    ) throws -> LazyTensor {
      let rows = try rows(tensor)
      guard keep >= 0, size > 0, offset > 0, keep <= rows, 0...rows ~= index else {
        throw FormatError(
          .cacheShape,
          "has \(rows) rows, which do not match keep \(keep), max_size \(size), offset "
            + "\(offset) and idx \(index)", path: checkpoint.path, tensor: tensor.name)
      }
      guard offset > rows else { return try cut(tensor, to: offset) }
      if isFirst {
        notes.append(
          "holds \(rows) of \(offset) tokens: the first \(keep) and the last \(rows - keep)")
      }
      positions =
        (0..<keep).map(Int32.init) + (offset - rows + keep..<offset).map { Int32(clamping: $0) }
      guard index < rows, index >= keep, rows == size else { return tensor }
      let pieces = try [0..<keep, index..<rows, keep..<index].filter { !$0.isEmpty }.map {
        try TokenRange.tensor(tensor, $0, named: tensor.name)
      }
      return try JoinedTokens.tensor(pieces, path: checkpoint.path)
    }
  }
}
