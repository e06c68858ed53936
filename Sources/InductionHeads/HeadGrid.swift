import Base

/// The attention heads of a model: the same number of them in each layer.
package struct HeadGrid: Sendable, Hashable {
  package let layerCount: Int
  /// The number of heads of a layer.
  package let headCount: Int

  package init(layerCount: Int, headCount: Int) {
    self.layerCount = layerCount
    self.headCount = headCount
  }

  /// The number of heads of the model.
  package var count: Int { layerCount * headCount }

  /// Returns the name `LAYER.HEAD` of a head. Heads are counted layer by layer.
  func name(of head: Int) -> String { "\(head / headCount).\(head % headCount)" }

  /// The numbers for people.
  var text: String {
    "\(headCount.counted("head")) in each of \(layerCount.counted("layer"))"
  }
}
