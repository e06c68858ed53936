package import Base
package import Networks

/// The sizes and places of low-rank adapters: `lora:RANK` or `lora:RANK:ALPHA`.
package struct AdapterSettings: Sendable, Equatable {
  package var rank: Int
  /// The product of an adapter is multiplied by alpha / rank.
  package var alpha: Double
  /// The names of layers, or their ends after a dot; empty for all linear layers except the output of a language model.
  package var targets: [String] = []

  package static let rankLimit = 1 << 16

  package var scale: Double { alpha / Double(rank) }

  /// Reads a text. Without an alpha, it is the rank.
  /// - Throws: ``UsageError`` unless the text has one of the two forms.
  package init(_ text: String) throws(UsageError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), parts[0].lowercased() == "lora",
      let rank = Int(parts[1]), (1...Self.rankLimit).contains(rank),
      let alpha = parts.count == 3 ? Double(parts[2]) : Double(rank), alpha > 0, alpha.isFinite
    else {
      throw UsageError(
        "the adapter '\(text.printable)' is not known",
        hint: "the form is lora:RANK or lora:RANK:ALPHA, such as lora:8 or lora:8:16")
    }
    self.rank = rank
    self.alpha = alpha
  }

  /// Returns the linear layers that get an adapter.
  /// - Throws: ``UsageError`` if a target names no linear layer, or if the network has none.
  package func layers<S: NetworkScalar>(of network: Network<S>) throws -> [AdaptableLayer] {
    let all = try network.linearLayers()
    guard !targets.isEmpty else {
      let output = network.configuration.classifier == nil ? try? network.outputWeightName() : nil
      let layers = all.filter { $0.weight != output }
      guard layers.isEmpty else { return layers }
      throw UsageError(
        "\(network.path.printable) has no linear layers that an adapter could be for")
    }
    for target in targets where !all.contains(where: { Self.names(target, $0) }) {
      let names = Set(all.map { $0.module.split(separator: ".").last.map(String.init) ?? "" })
      throw UsageError(
        "\(network.path.printable) has no linear layer '\(target.printable)'",
        hint: "its linear layers end in \(names.sorted().joined(separator: ", "))")
    }
    return all.filter { layer in targets.contains { Self.names($0, layer) } }
  }

  /// True if a target is the name of a layer or its end after a dot.
  private static func names(_ target: String, _ layer: AdaptableLayer) -> Bool {
    layer.module == target || layer.module.hasSuffix("." + target)
  }
}

/// A linear layer with the factors that are trained for it.
package struct AdaptedLayer<Scalar: NetworkScalar>: Sendable {
  package let layer: AdaptableLayer
  /// A, shape `[rank, in]`.
  package let a: ResidentParameter<Scalar>
  /// B, shape `[out, rank]`.
  package let b: ResidentParameter<Scalar>

  /// Creates factors whose product is 0: A is uniform between ±1 / √in, and B is 0. Each number of A depends on its name,
  /// the seed and its place.
  ///
  /// Source: Hu et al., "LoRA", section 4.1; the limit is that of torch's linear layers.
  init(_ layer: AdaptableLayer, rank: Int, seed: UInt64, in arena: Arena) {
    self.layer = layer
    let name = layer.module + ".lora_A.weight"
    let limit = 1 / Float(layer.inputCount).squareRoot()
    a = ResidentParameter(
      name,
      Value.uniform([rank, layer.inputCount], name, seed: seed, limit: limit, in: arena),
      isTrained: true)
    b = ResidentParameter(
      layer.module + ".lora_B.weight",
      Value([layer.outputCount, rank], isZero: true, in: arena), isTrained: true)
  }
}

extension Value {
  /// Returns numbers between −limit and limit, which depend on the name, the seed and their places.
  static func uniform(
    _ shape: [Int], _ name: String, seed: UInt64, limit: Float, in arena: Arena
  ) -> Value {
    let value = Value(shape, in: arena)
    guard !arena.isCounting else { return value }
    let random = ElementRandom(tensorName: name, seed: seed)
    var target = value.mutableSpan
    for index in target.indices {
      // The difference is exact, so that the product is rounded once.
      target[index] = Scalar((2 * random.uniform(at: UInt64(index)) - 1) * limit)
    }
    return value
  }
}
