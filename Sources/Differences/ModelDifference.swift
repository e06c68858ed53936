/// The difference of model B from model A: tensors, metadata, configuration and the files beside the weights.
package struct ModelDifference: Sendable, Equatable, Codable {
  package static let schema = "sumac.diff/1"

  /// A compared model: its path, container and size.
  package struct Model: Sendable, Equatable, Codable {
    package var path: String
    /// The name of the container, such as `safetensors`.
    package var container: String
    package var byteCount: Int
    package var tensorCount: Int
    package var parameterCount: Int
    /// The first of `architectures` or the `model_type` of `config.json`; nil if there is none.
    package var architecture: String?

    enum CodingKeys: String, CodingKey {
      case path, container, architecture
      case byteCount = "bytes"
      case tensorCount = "tensor_count"
      case parameterCount = "parameter_count"
    }
  }

  /// A named text that is not the same in both models, or a file that is damaged in one of them.
  package struct Entry: Sendable, Equatable, Codable {
    /// The key of a metadatum, the path of a member of `config.json` such as `rope_scaling.factor`, or the name of a file.
    package var name: String
    /// The value in A: text, JSON, or a description of a file; nil if only B has the entry.
    package var a: String?
    package var b: String?
    /// The reason why the file of one of the models cannot be read; nil if both can, and for other entries.
    package var fault: String?

    package init(name: String, a: String?, b: String?, fault: String? = nil) {
      self.name = name
      self.a = a
      self.b = b
      self.fault = fault
    }
  }

  package var a: Model
  package var b: Model
  package var metric: DifferenceMetric
  /// The metric up to which tensors do not count as different; nil if every bit must be equal.
  package var tolerance: Double?
  /// All tensors: the pairs and those of A alone in the order of A, then those of B alone in the order of B.
  package var tensors: [TensorDifference]
  package var metadata: [Entry]
  /// The members of `config.json`.
  package var configuration: [Entry]
  /// The other files beside the weights.
  package var files: [Entry]

  package init(
    a: Model, b: Model, metric: DifferenceMetric, tolerance: Double?,
    tensors: [TensorDifference], metadata: [Entry], configuration: [Entry], files: [Entry]
  ) {
    self.a = a
    self.b = b
    self.metric = metric
    self.tolerance = tolerance
    self.metadata = metadata
    self.configuration = configuration
    self.files = files
    self.tensors = tensors.map { tensor in
      var tensor = tensor
      tensor.differs = Self.differs(tensor, metric, tolerance)
      return tensor
    }
  }

  private static func differs(
    _ tensor: TensorDifference, _ metric: DifferenceMetric, _ tolerance: Double?
  ) -> Bool {
    switch tensor.status {
    case .equal: false
    case .equalValues: tolerance == nil
    case .changed:
      tolerance.map { limit in !(tensor.measures.map { metric.value($0) <= limit } ?? false) }
        ?? true
    case .shape, .missing, .added, .damaged: true
    }
  }

  /// True if the models differ: in a tensor, or without a tolerance also in a name, the metadata or a file.
  package var differs: Bool {
    tensors.contains(where: \.differs)
      || tolerance == nil
        && (tensors.contains(where: \.isRenamed) || !metadata.isEmpty || !configuration.isEmpty
          || !files.isEmpty)
  }

  /// True if a part of one of the models cannot be read.
  package var isDamaged: Bool {
    tensors.contains { $0.status == .damaged } || files.contains { $0.fault != nil }
  }

  /// Returns the number of tensors of a status.
  package func count(_ status: TensorDifference.Status) -> Int {
    tensors.count { $0.status == status }
  }

  package var renamedCount: Int { tensors.count(where: \.isRenamed) }

  /// The measures of all compared tensors together; nil if none was measured.
  package var total: Measures? { Self.sum(tensors) }

  static func sum(_ tensors: some Sequence<TensorDifference>) -> Measures? {
    tensors.lazy.compactMap(\.measures).reduce(nil) { $0?.adding($1) ?? $1 }
  }

  /// The tensors, the worst first: damage, missing and added tensors, other shapes, then by the metric.
  ///
  /// Tensors of equal rank keep their order.
  package var worstFirst: [TensorDifference] {
    let keys = tensors.map { tensor -> Double in
      switch tensor.status {
      case .damaged, .missing, .added, .shape: .infinity
      case .equal: -1
      case .equalValues: 0
      case .changed: tensor.measures.map(metric.value) ?? .infinity
      }
    }
    func rank(_ index: Int) -> Int {
      switch tensors[index].status {
      case .damaged: 0
      case .missing: 1
      case .added: 2
      case .shape: 3
      case .equal, .equalValues, .changed: 4
      }
    }
    return tensors.indices.sorted { left, right in
      let (first, second) = (rank(left), rank(right))
      guard first == second else { return first < second }
      return keys[left] == keys[right] ? left < right : keys[left] > keys[right]
    }.map { tensors[$0] }
  }

  /// True if the models have tensors, and none of A has a counterpart in B.
  package var sharesNothing: Bool {
    !tensors.isEmpty && tensors.allSatisfy { $0.a == nil || $0.b == nil }
  }
}
