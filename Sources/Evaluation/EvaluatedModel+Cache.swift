package import Base
package import Caches
import Checkpoints
import Networks
import TensorCore

/// The shape of a model's caches.
extension EvaluatedModel {
  /// The number of heads that keys and values have.
  package var keyValueHeadCount: Int { network.configuration.keyValueHeadCount }
  package var headDim: Int { network.configuration.headDim }

  /// The size of the keys of a token in a layer, which is also that of its values, in bytes as float32.
  var rowByteCount: Int { 4 * keyValueHeadCount * headDim }

  /// The pairs that the rotary embedding forms in llama.cpp's version of the model.
  package var llamaPairing: CacheHints.Pairing {
    // llama.cpp permutes the weights of these, and runs them as its architecture llama.
    ["llama", "mistral", "mixtral"].contains(network.configuration.modelType) ? .adjacent : .halves
  }

  /// Returns the reasons why a cache cannot be one of this model.
  package func faults(in cache: KVCache) -> [any UserError] {
    func fault(_ message: Message, _ tensor: String? = nil, hint: Message? = nil) -> FormatError {
      FormatError(.cacheShape, message, path: cache.origin.path, tensor: tensor, hint: hint)
    }
    let (heads, dim) = (keyValueHeadCount, headDim)
    var faults: [FormatError] = []
    if cache.layers.map(\.number) != Array(0..<layerCount) {
      let missing = cache.missingLayers.first.map { ", of which \($0) is missing" } ?? ""
      faults.append(
        fault(
          "has \(cache.layers.count.counted("layer"))\(missing), but \(path.printable) has "
            + "\(layerCount)", hint: "use the model that made the cache"))
    }
    if cache.dimensions[0] != 1 {
      faults.append(
        fault("has a batch of \(cache.dimensions[0]), expected a cache of one sequence"))
    }
    // Layers with the same fault are reported once.
    for tensor in cache.layers.flatMap({ [$0.key, $0.value] }) {
      let dimensions = tensor.info.shape.dimensions
      guard dimensions[1] != heads || dimensions[3] != dim else { continue }
      faults.append(
        fault(
          "has \(dimensions[1].counted("kv head")) of \(dimensions[3]), but \(path.printable) has "
            + "\(heads) of \(dim)", tensor.name, hint: "use the model that made the cache"))
      break
    }
    if cache.positions != nil {
      faults.append(
        fault(
          "has positions with gaps or in another order, expected 0, 1, 2, …",
          hint: "a text cannot go on after such a cache"))
    }
    return faults
  }
}
