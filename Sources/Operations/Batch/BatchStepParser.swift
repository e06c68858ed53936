/// A parser of the steps of a file of jobs: the options of each verb are those of its command.
package protocol BatchStepParser: Sendable {
  /// The verbs that a batch can run.
  var verbs: [String] { get }
  /// Returns the names of the options of a verb; true for those without a value.
  func options(of verb: String) -> [String: Bool]
  /// Returns the operation of a verb with these words of a command line, which contain neither input nor output.
  func operation(_ verb: String, words: [String]) throws -> any BatchableOperation
}
