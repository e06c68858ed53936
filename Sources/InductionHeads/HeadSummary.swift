/// The measures of all heads of a model, by weights and by behaviour, in one number each: the highest and the mean.
package struct HeadSummary: Sendable, Equatable {
  /// A measure over all heads.
  package struct Measure: Sendable, Equatable {
    /// The name in JSON and CSV, such as `prefix_matching`.
    package var name: String
    package var highest: Double
    package var mean: Double

    package init(name: String, highest: Double, mean: Double) {
      (self.name, self.highest, self.mean) = (name, highest, mean)
    }
  }

  package var measures: [Measure]
  /// The mean loss of a segment that is new to the model, in nats.
  package var firstLoss: Double
  /// The mean loss of its second copy.
  package var inductionLoss: Double

  package init(measures: [Measure], firstLoss: Double, inductionLoss: Double) {
    self.measures = measures
    (self.firstLoss, self.inductionLoss) = (firstLoss, inductionLoss)
  }

  package init(_ heads: HeadMeasures, _ probe: Probe) {
    measures = (heads.columns + probe.columns).map { column in
      Measure(name: column.name, highest: column.values[column.top], mean: column.mean)
    }
    firstLoss = probe.firstLoss
    inductionLoss = probe.inductionLoss
  }

  /// The measure of a name; nil if there is none.
  package subscript(name: String) -> Measure? { measures.first { $0.name == name } }

  /// The names of all measures in order.
  package static let names = [
    "copying", "circuit_copying", "prefix_matching", "duplicate_token", "previous_token",
  ]
}
