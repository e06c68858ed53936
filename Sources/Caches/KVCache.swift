package import Base
package import Checkpoints
package import TensorCore

/// The keys and values of a model's layers for some tokens, whatever files they lie in.
///
/// Tensors are [batch, kv heads, tokens, head dim]; keys have been rotated, with pairs of dimensions half a
/// head apart.
package struct KVCache: Sendable {
  package struct Layer: Sendable {
    /// As the file counts it, from 0.
    package var number: Int
    package var key: LazyTensor
    package var value: LazyTensor

    /// With values that are checked when they are read.
    package var finite: Layer {
      Layer(
        number: number, key: FiniteSource.tensor(key), value: FiniteSource.tensor(value))
    }

    package init(number: Int, key: LazyTensor, value: LazyTensor) {
      self.number = number
      self.key = key
      self.value = value
    }
  }

  /// What the file was read as; its layers are in ascending order.
  package var layout: String
  package private(set) var layers: [Layer]
  /// What lies beside them: token ids, logits.
  package var others: [LazyTensor]
  /// The ids of the tokens, where they are known.
  package var tokenIDs: [Int32]?
  /// The positions of the tokens, where they are not 0, 1, 2, …
  package var positions: [Int32]? {
    didSet {
      if let positions, positions.enumerated().allSatisfy({ $0.offset == Int($0.element) }) {
        self.positions = nil
      }
    }
  }
  /// The number of the sequence in files that number them.
  package var sequence: Int32 = 0
  /// Token ids that stand in the header of its file, which need not be those of the tokens.
  package var headerTokens: [Int32]?
  /// Where it was read from, with the metadata and lineage of that; its tensors are not the cache's.
  package var origin: Checkpoint

  package init(
    layout: String, layers: [Layer], others: [LazyTensor] = [], tokenIDs: [Int32]? = nil,
    origin: Checkpoint
  ) throws {
    self.layout = layout
    self.layers = layers.sorted { $0.number < $1.number }
    self.others = others
    self.tokenIDs = tokenIDs
    self.origin = origin
    try check()
  }

  package static func keyName(_ number: Int) -> String { "layers.\(number).key" }
  package static func valueName(_ number: Int) -> String { "layers.\(number).value" }

  package static let tokensName = "token_ids"
  package static let positionsName = "positions"

  package static func numbers(_ name: String, _ values: [Int32]) -> LazyTensor {
    // A list in memory has fewer than 2^48 values, each of whole bytes.
    let info = try! TensorInfo(name: name, dtype: .i32, shape: Shape([values.count]))
    let bytes = values.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: "", byteOffset: 0, byteCount: bytes.count, dtype: .i32))
  }

  /// Of the first layer: [batch, kv heads, tokens, head dim].
  package var dimensions: [Int] { layers[0].key.info.shape.dimensions }
  package var tokenCount: Int { dimensions[2] }

  /// Numbers from 0 to the last layer's that no layer has.
  package var missingLayers: [Int] {
    let numbers = Set(layers.map(\.number))
    return (0..<(layers.last?.number ?? 0)).filter { !numbers.contains($0) }
  }

  /// Layers must be there, and be alike.
  private func check() throws {
    func fault(_ message: Message, _ tensor: String? = nil, hint: Message? = nil) -> FormatError {
      FormatError(.cacheShape, message, path: origin.path, tensor: tensor, hint: hint)
    }
    guard let first = layers.first else {
      throw fault("has no keys and values of layers")
    }
    for (place, layer) in layers.enumerated() where place > 0 {
      if layer.number == layers[place - 1].number {
        throw fault("has layer \(layer.number) twice")
      }
    }
    for layer in layers {
      for tensor in [layer.key, layer.value] {
        let dimensions = tensor.info.shape.dimensions
        guard dimensions.count == 4 else {
          throw fault(
            "is \(tensor.info.shape), expected [batch, kv heads, tokens, head dim]", tensor.name)
        }
        guard tensor.info.dtype.isFloat, tensor.info.dtype.bitsPerElement % 8 == 0 else {
          throw fault(
            "is \(tensor.info.dtype.name), keys and values are floats of whole bytes", tensor.name)
        }
        guard dimensions.allSatisfy({ $0 > 0 }) else {
          throw fault("is \(tensor.info.shape), which holds nothing", tensor.name)
        }
        let wanted = first.key.info.shape.dimensions
        guard dimensions[2] == wanted[2] else {
          throw fault(
            "has \(dimensions[2]) tokens, \(first.key.name) has \(wanted[2]): layers of unequal length",
            tensor.name, hint: "caches with a window in some layers are not read")
        }
        guard dimensions[0] == wanted[0] else {
          throw fault(
            "has a batch of \(dimensions[0]), \(first.key.name) has \(wanted[0])", tensor.name)
        }
      }
      let (key, value) = (layer.key.info.shape.dimensions, layer.value.info.shape.dimensions)
      guard key[0] == value[0], key[1] == value[1] else {
        throw fault(
          "is \(layer.value.info.shape), the keys beside it are \(layer.key.info.shape)",
          layer.value.name)
      }
    }
    if let tokenIDs, tokenIDs.count < tokenCount {
      throw fault("has \(tokenIDs.count) token ids for \(tokenCount) tokens")
    }
  }

  /// As a checkpoint with the cache's own names.
  package var checkpoint: Checkpoint {
    var result = origin
    result.tensors = layers.flatMap { layer in
      [
        layer.key.renamed(Self.keyName(layer.number)),
        layer.value.renamed(Self.valueName(layer.number)),
      ]
    }
    result.tensors += others
    let names = Set(others.map(\.name))
    if let tokenIDs, !names.contains(Self.tokensName), !names.contains("input_ids"),
      !names.contains("tokens")
    {
      result.tensors.append(Self.numbers(Self.tokensName, tokenIDs))
    }
    if let positions, !names.contains(Self.positionsName) {
      result.tensors.append(Self.numbers(Self.positionsName, positions))
    }
    return result
  }

  /// The same with other tensors in place of the layers'.
  package func mapped(_ body: (LazyTensor) throws -> LazyTensor) throws -> KVCache {
    var result = self
    for place in layers.indices {
      result.layers[place].key = try body(layers[place].key)
      result.layers[place].value = try body(layers[place].value)
    }
    try result.check()
    return result
  }
}

extension LazyTensor {
  /// The same values under another name.
  package func renamed(_ name: String) -> LazyTensor {
    var info = info
    info.name = name
    var result = LazyTensor(info: info, source: source, stored: stored)
    result.storage = storage
    return result
  }

  /// The same values in another shape of as many.
  package func reshaped(_ shape: Shape) throws -> LazyTensor {
    precondition(shape.elementCount == info.elementCount)
    return LazyTensor(
      info: try TensorInfo(name: name, dtype: info.dtype, shape: shape),
      source: ReshapedSource(base: self), stored: stored)
  }
}

/// The values of a tensor as another shape has them.
private struct ReshapedSource: TensorSource {
  let base: LazyTensor

  func scratchByteCount(elementCount: Int) -> Int {
    base.source.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try base.source.read(elements, into: &values, scratch: &scratch)
  }
}

extension FormatError.Code {
  package static let cacheShape = FormatError.Code(
    "cache.shape",
    meaning: "Shapes of a cache do not fit together, or do not fit what was asked for.",
    remedy: "Check the shape, the layers and the model that were named.")
  package static let cacheLayout = FormatError.Code(
    "cache.layout",
    meaning: "Files do not have the layout of a cache that is known.",
    remedy: "Name the layout; cache convert --help lists them.")
}
