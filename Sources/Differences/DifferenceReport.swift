import Base
import Reporting

/// The difference of two models as a report: the tensors or layers that were asked for, in an order.
package struct DifferenceReport: Report {
  package static let schema = ModelDifference.schema

  /// The tensors that are listed.
  package enum Selection: String, CaseIterable, Sendable, Codable {
    /// Tensors that are not equal or have other names.
    case different
    /// Tensors with other values.
    case changed
    /// Tensors that only A has.
    case missing
    /// Tensors that only B has.
    case added
    case renamed
    case shape
    case damaged
    /// Tensors with equal bytes or values.
    case equal
    case all
  }

  /// The order of the tensors or layers.
  package enum SortKey: String, CaseIterable, Sendable, Codable {
    /// By the metric, the largest first, after tensors that have no counterpart.
    case worst
    /// The order of model A, then of model B.
    case catalog
    case name
    /// The number of values, the largest first.
    case size
    /// The change of the share of zeros, the largest first.
    case zeros
  }

  package struct Options: Sendable {
    package var selection = Selection.different
    package var sortKey = SortKey.worst
    /// The maximum number of tensors or layers that are listed; nil for all.
    package var rowLimit: Int?
    package var listsLayers = false

    package init() {}
  }

  package let difference: ModelDifference
  package let options: Options
  /// The tensors that are listed; empty if layers are listed.
  package let tensors: [TensorDifference]
  /// The layers that are listed; empty if tensors are listed.
  package let layers: [LayerDifference]
  /// The number of tensors or layers that were selected, listed or not.
  package let selectedCount: Int

  package init(_ difference: ModelDifference, options: Options = Options()) {
    self.difference = difference
    self.options = options
    let limit = options.rowLimit ?? .max
    if options.listsLayers {
      let all = difference.layers.filter {
        options.selection == .all || $0.differentCount > 0
      }
      selectedCount = all.count
      layers = Array(Self.sorted(all, by: options.sortKey, difference.metric).prefix(limit))
      tensors = []
    } else {
      let order =
        options.sortKey == .worst ? difference.worstFirst : difference.tensors
      let all = order.filter { Self.contains($0, options.selection) }
      selectedCount = all.count
      tensors = Array(Self.sorted(all, by: options.sortKey).prefix(limit))
      layers = []
    }
  }

  private static func contains(_ tensor: TensorDifference, _ selection: Selection) -> Bool {
    switch selection {
    case .all: true
    case .different: tensor.differs || tensor.isRenamed
    case .changed: tensor.status == .changed && tensor.differs
    case .missing: tensor.status == .missing
    case .added: tensor.status == .added
    case .renamed: tensor.isRenamed
    case .shape: tensor.status == .shape
    case .damaged: tensor.status == .damaged
    case .equal: tensor.status == .equal || tensor.status == .equalValues
    }
  }

  private static func sorted(
    _ tensors: [TensorDifference], by key: SortKey
  ) -> [TensorDifference] {
    switch key {
    case .worst, .catalog: tensors
    case .name: tensors.sorted { $0.name.precedesAsBytes($1.name) }
    case .size: stably(tensors) { Double($0.elementCount) }
    case .zeros: stably(tensors) { zeroChange($0.measures) }
    }
  }

  private static func sorted(
    _ layers: [LayerDifference], by key: SortKey, _ metric: DifferenceMetric
  ) -> [LayerDifference] {
    switch key {
    case .catalog: layers
    case .worst:
      stably(layers) { layer in
        layer.measures.map(metric.value) ?? (layer.differentCount > 0 ? .infinity : -1)
      }
    case .name: layers.sorted { $0.name.precedesAsBytes($1.name) }
    case .size: stably(layers) { Double($0.measures?.valueCount ?? 0) }
    case .zeros: stably(layers) { zeroChange($0.measures) }
    }
  }

  private static func zeroChange(_ measures: Measures?) -> Double {
    measures.map { abs($0.zeroShareB - $0.zeroShareA) } ?? -1
  }

  /// Returns the elements with the largest keys first; equal keys keep their order.
  private static func stably<Element>(
    _ elements: [Element], by key: (Element) -> Double
  ) -> [Element] {
    let keys = elements.map(key)
    return elements.indices.sorted {
      keys[$0] == keys[$1] ? $0 < $1 : keys[$0] > keys[$1]
    }.map { elements[$0] }
  }
}
