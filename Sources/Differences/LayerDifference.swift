import Base
import Models

/// The differences of the tensors of a layer together, or of a tensor outside of the layers.
package struct LayerDifference: Sendable, Equatable, Codable {
  /// The name of the layer in A, such as `model.layers.7`, or of the tensor.
  package var name: String
  package var tensorCount = 0
  /// The number of tensors that count as different.
  package var differentCount = 0
  /// The measures of the compared tensors together; nil if none was measured.
  package var measures: Measures?

  enum CodingKeys: String, CodingKey {
    case name, measures
    case tensorCount = "tensor_count"
    case differentCount = "different_count"
  }
}

extension ModelDifference {
  /// The layers in the order in which their first tensors come.
  ///
  /// - Complexity: O(*n*) for *n* tensors.
  package var layers: [LayerDifference] {
    var layers: [LayerDifference] = []
    var indices: [UTF8Key: Int] = [:]
    for tensor in tensors {
      let parts = LayerNames.parts(of: tensor.name)
      let name = parts.map { "\($0.prefix)\($0.index)" } ?? tensor.name
      let index = indices[UTF8Key(name)] ?? layers.count
      if index == layers.count {
        indices[UTF8Key(name)] = index
        layers.append(LayerDifference(name: name))
      }
      layers[index].tensorCount += 1
      layers[index].differentCount += tensor.differs ? 1 : 0
      if let measures = tensor.measures {
        layers[index].measures = layers[index].measures?.adding(measures) ?? measures
      }
    }
    return layers
  }
}
