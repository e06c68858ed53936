package import Examples

/// A task whose examples the coefficients are learned on.
package struct LearningTask: Sendable {
  package let name: String
  /// The examples; their targets are labels only if ``hasLabels`` is true.
  package let data: any TrainingData
  /// True if the share of correct predictions can be counted. Labels are never learned from.
  package let hasLabels: Bool
  /// The classifier of the task on features of unit length; nil for a language model.
  package let head: Head?

  /// A linear classifier: logits = W f / ‖f‖ + b.
  package struct Head: Sendable {
    package let classCount: Int
    package let width: Int
    /// W, row by row.
    package let weight: [Float]
    /// b; nil for none.
    package let bias: [Float]?

    package init(classCount: Int, width: Int, weight: [Float], bias: [Float]?) {
      precondition(weight.count == classCount * width && bias?.count ?? classCount == classCount)
      self.classCount = classCount
      self.width = width
      self.weight = weight
      self.bias = bias
    }
  }

  package init(_ name: String, _ data: any TrainingData, hasLabels: Bool, head: Head?) {
    self.name = name
    self.data = data
    self.hasLabels = hasLabels
    self.head = head
  }
}
