import Base
package import Checkpoints
package import Models
package import Networks

/// A model that is evaluated: its network, whose weights are streamed.
package struct EvaluatedModel {
  package let path: String
  let network: Network<Float>
  let parameters: [StreamedParameter]

  /// Reads the configuration and checks all names and shapes.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` with all faults.
  package init(
    _ checkpoint: Checkpoint, _ configuration: ModelConfiguration, _ compute: Compute
  ) throws {
    var parameters: [StreamedParameter] = []
    network = try Network<Float>.network(of: checkpoint, configuration, compute) { tensor in
      let parameter = StreamedParameter(tensor, path: checkpoint.path, in: compute.arena)
      parameters.append(parameter)
      return parameter
    }
    self.parameters = parameters
    path = checkpoint.path
  }

  package var vocabularySize: Int { network.configuration.vocabularySize }
  package var layerCount: Int { network.layerCount }
  /// The number of values of a hidden state.
  package var hiddenSize: Int { network.configuration.hiddenSize }
  /// The largest number of tokens of a window; nil if it is not limited by learned positions.
  package var positionLimit: Int? { network.configuration.positionLimit }

  /// True if the model makes embeddings of texts.
  package var isTextEncoder: Bool {
    let configuration = network.configuration
    return !hasLogits && configuration.image == nil && configuration.classifier == nil
  }
  /// True if the model predicts tokens.
  package var hasLogits: Bool { network.family.hasLogits }

  /// Returns the linear layers in the order of their use, by the names of their weights: those in the blocks, then the
  /// output layer if the model has one.
  package func linearLayers() throws -> [LinearLayer] {
    let compute = Compute.counting(jobs: 1)
    var layers: [LinearLayer] = []
    var names: Set<String> = []
    // The input of the layer before, which is kept so that no other value has its identity.
    var last: Value<Float>?
    var observer = Observer<Float>()
    observer.linearInput = { weight, input in
      if names.insert(weight).inserted {
        layers.append(
          LinearLayer(
            weight: weight, channelCount: input.columns, sharesInput: last === input))
      }
      last = input
    }
    let run = Run(
      network, Tape(compute), try Positions(network, Windows(length: 1), compute),
      observer: observer)
    let x = Value<Float>([1, network.configuration.hiddenSize], in: compute.arena)
    for layer in 0..<network.layerCount { _ = try network.block(layer, x, run) }
    if hasLogits {
      layers.append(
        LinearLayer(
          weight: try network.outputWeightName(), channelCount: network.configuration.hiddenSize,
          sharesInput: false))
    }
    return layers
  }

  /// Returns the names of the weights of those of `layers` that are in a block.
  package func weights(ofBlock layer: Int, among layers: [LinearLayer]) -> [String] {
    let prefix = network.blockPrefix(layer)
    return layers.map(\.weight).filter { $0.hasPrefix(prefix) }
  }
}

/// A linear layer of a network.
package struct LinearLayer: Hashable, Sendable {
  /// The name of its weight.
  package let weight: String
  /// The number of its inputs.
  package let channelCount: Int
  /// True if it reads what the layer before it reads, such as keys after queries.
  package let sharesInput: Bool
}
