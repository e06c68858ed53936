package import Base
package import Checkpoints
package import TensorCore

/// The keys and values of a model's layers for a sequence of tokens, independent of their files.
///
/// Tensors have the shape [batch, kv heads, tokens, head dim]. Keys are rotated, with pairs of dimensions half
/// a head apart.
package struct KVCache: Sendable {
  /// The keys and values of a layer.
  package struct Layer: Sendable {
    /// The number of the layer in the file, from 0.
    package var number: Int
    package var key: LazyTensor
    package var value: LazyTensor

    /// The layer with values that are checked for NaN and infinity when they are read.
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

  /// The name of the layout of the files.
  package var layout: String
  /// The layers, in ascending order of their numbers.
  package private(set) var layers: [Layer]
  /// The other tensors of the files, such as token ids and logits.
  package var others: [LazyTensor]
  /// The ids of the tokens, if known.
  package var tokenIDs: [Int32]?
  /// The positions of the tokens, or nil if they are 0, 1, 2, …
  package var positions: [Int32]? {
    didSet {
      if let positions, positions.enumerated().allSatisfy({ $0.offset == Int($0.element) }) {
        self.positions = nil
      }
    }
  }
  /// The number of the sequence, in files that number sequences.
  package var sequence: Int32 = 0
  /// The token ids in the header of the file, which can differ from those of the tokens.
  package var headerTokens: [Int32]?
  /// The checkpoint it was read from, with metadata and lineage; its tensors are not those of the cache.
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
    if origin.tensors.isEmpty {
      self.origin.valueTensors = self.layers.flatMap { [$0.key, $0.value] } + others
    }
    try check()
  }

  /// Returns sumac's name of a layer's keys.
  package static func keyName(_ number: Int) -> String { "layers.\(number).key" }
  /// Returns sumac's name of a layer's values.
  package static func valueName(_ number: Int) -> String { "layers.\(number).value" }

  package static let tokensName = "token_ids"
  package static let positionsName = "positions"

  /// Returns an I32 tensor of the values.
  package static func numbers(_ name: String, _ values: [Int32]) -> LazyTensor {
    // Creation cannot fail: an array has fewer than 2^48 values, each of whole bytes.
    let info = try! TensorInfo(name: name, dtype: .i32, shape: Shape([values.count]))
    let bytes = values.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: "", byteOffset: 0, byteCount: bytes.count, dtype: .i32))
  }

  /// The dimensions of the first layer's keys: [batch, kv heads, tokens, head dim].
  package var dimensions: [Int] { layers[0].key.info.shape.dimensions }
  package var tokenCount: Int { dimensions[2] }

  /// The numbers below that of the last layer that no layer has.
  package var missingLayers: [Int] {
    let numbers = Set(layers.map(\.number))
    return (0..<(layers.last?.number ?? 0)).filter { !numbers.contains($0) }
  }

  /// Checks that there are layers and that their shapes fit together.
  private func check() throws {
    func fault(_ message: Message, _ tensor: String? = nil, hint: Message? = nil) -> FormatError {
      FormatError(.cacheShape, message, path: origin.path, tensor: tensor, hint: hint)
    }
    guard let first = layers.first else {
      throw fault("has no keys and values")
    }
    for (previous, layer) in zip(layers, layers.dropFirst())
    where layer.number == previous.number {
      throw fault("has layer \(layer.number) twice")
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
            "is \(tensor.info.dtype.name), but keys and values must be floats of whole bytes",
            tensor.name)
        }
        guard dimensions.allSatisfy({ $0 > 0 }) else {
          throw fault("is \(tensor.info.shape), which is empty", tensor.name)
        }
        let wanted = first.key.info.shape.dimensions
        guard dimensions[2] == wanted[2] else {
          throw fault(
            "has \(dimensions[2]) tokens, but \(first.key.name) has \(wanted[2]); layers must have the same length",
            tensor.name, hint: "caches with a sliding window in some layers are not supported")
        }
        guard dimensions[0] == wanted[0] else {
          throw fault(
            "has a batch of \(dimensions[0]), but \(first.key.name) has \(wanted[0])", tensor.name)
        }
      }
      let (key, value) = (layer.key.info.shape.dimensions, layer.value.info.shape.dimensions)
      guard key[0] == value[0], key[1] == value[1] else {
        throw fault(
          "is \(layer.value.info.shape), but the keys of the layer are \(layer.key.info.shape)",
          layer.value.name)
      }
    }
    if let tokenIDs, tokenIDs.count < tokenCount {
      throw fault("has \(tokenIDs.count) token ids for \(tokenCount) tokens")
    }
  }

  /// The cache as a checkpoint with sumac's tensor names.
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

  /// Returns the cache with each key and value tensor replaced by the result of `body`.
  package func mapped(_ body: (LazyTensor) throws -> LazyTensor) throws -> KVCache {
    var result = self
    for index in layers.indices {
      result.layers[index].key = try body(layers[index].key)
      result.layers[index].value = try body(layers[index].value)
    }
    try result.check()
    return result
  }
}

extension LazyTensor {
  /// Returns the tensor with another name.
  package func renamed(_ name: String) -> LazyTensor {
    var info = info
    info.name = name
    var result = LazyTensor(info: info, source: source, stored: stored)
    result.storage = storage
    return result
  }

  /// Returns the tensor with another shape of the same number of elements.
  package func reshaped(_ shape: Shape) throws -> LazyTensor {
    precondition(shape.elementCount == info.elementCount)
    return LazyTensor(
      info: try TensorInfo(name: name, dtype: info.dtype, shape: shape),
      source: ReshapedSource(base: self), stored: stored)
  }
}

/// The values of a tensor with another shape.
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
