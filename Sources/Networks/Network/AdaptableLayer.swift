/// A linear layer of a network, to which an adapter can be added.
package struct AdaptableLayer: Sendable, Equatable {
  /// The name of its weight.
  package let weight: String
  package let inputCount: Int
  package let outputCount: Int

  /// The name of the layer: that of its weight without its last part.
  package var module: String {
    weight.hasSuffix(".weight") ? String(weight.dropLast(".weight".count)) : weight
  }
}

extension Network {
  /// Returns the linear layers in the order of their use, without an output layer that is the embedding table.
  /// - Complexity: A run that computes nothing.
  package func linearLayers() throws -> [AdaptableLayer] {
    let compute = Compute.counting(jobs: 1)
    let windows = Windows(length: configuration.image?.tokenCount ?? 1)
    var layers: [AdaptableLayer] = []
    var observer = Observer<Scalar>()
    observer.linearInput = { name, input in
      guard let weight = self.parameters[name], !layers.contains(where: { $0.weight == name })
      else { return }
      layers.append(
        AdaptableLayer(
          weight: name, inputCount: input.columns,
          outputCount: weight.count / max(1, input.columns)))
    }
    let run = Run(
      self, Tape(compute), try Positions(self, windows, compute), observer: observer)
    let shape =
      configuration.classifier?.inputShape
      ?? configuration.image.map { [$0.channelCount, $0.size, $0.size] }
    _ = try output(
      shape.map { .images(Value([1] + $0, in: compute.arena)) } ?? .tokens([0]), run)
    return configuration.tiesEmbeddings
      ? layers.filter { $0.weight != prefix + family.embeddingName } : layers
  }
}
