package import Networks

/// Examples of other data in an order of their own; some may occur several times, others not at all.
package struct SelectedExamples: TrainingData {
  private let data: any TrainingData
  /// The number of the example at each place.
  private let order: [Int]

  /// - Parameter order: Numbers of examples of `data`.
  package init(_ data: any TrainingData, order: [Int]) {
    precondition(order.allSatisfy { (0..<data.count).contains($0) })
    self.data = data
    self.order = order
  }

  package var count: Int { order.count }
  package var byteCount: Int { data.byteCount + order.count * MemoryLayout<Int>.size }
  package var hasClasses: Bool { data.hasClasses }
  package var windowLength: Int? { data.windowLength }

  package func batch<S: NetworkScalar>(_ examples: [Int], in arena: Arena) -> Batch<S> {
    data.batch(examples.map { order[$0] }, in: arena)
  }
}
