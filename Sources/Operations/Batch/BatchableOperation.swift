import Base
import Checkpoints
import Packing

/// An operation on one model that a batch repeats for others: the settings stay, input and output are replaced.
package protocol BatchableOperation: Operation {
  /// The paths of the inputs. A batch makes an operation for each of them.
  var inputPaths: [String] { get }
  /// The paths of other files and folders that are read.
  var otherPaths: [String] { get }
  /// The names of settings that name one file for the output of each model.
  var unsharedSettings: [String] { get }
  /// The end of the name of an output, including the dot; empty for a folder.
  var outputSuffix: String { get }
  /// True if the output is a checkpoint or cache, false if it is a report.
  var writesCheckpoint: Bool { get }
  /// True if a folder that is not a model stands for the models in it.
  var opensFolders: Bool { get }
  /// True if an existing output is replaced.
  var replacesExisting: Bool { get set }

  /// Sets the path of the only input, and that of the output.
  mutating func bind(input: String, output: String)

  /// Makes the operation compare its input with another checkpoint, if it can.
  mutating func compare(with original: String)

  /// Returns what headers show about the work.
  /// - Throws: All errors that are known before the work.
  func outline(_ context: OperationContext) throws -> WorkOutline
}

extension BatchableOperation {
  package var otherPaths: [String] { [] }
  package var unsharedSettings: [String] { [] }
  package var opensFolders: Bool { true }
  package mutating func compare(with original: String) {}
}

extension BatchableOperation where Self: OutputOperation {
  package var writesCheckpoint: Bool { true }
  package var replacesExisting: Bool {
    get { output.replacesExisting }
    set { output.replacesExisting = newValue }
  }

  package var outputSuffix: String {
    guard output.format != nil else { return PackedContainer.suffix ?? "" }
    return output.formatSuffix
  }

  package func outline(_ context: OperationContext) throws -> WorkOutline {
    try OutputRun(request(context), verb: Self.verb, output, context).outline()
  }
}

extension OutputSettings {
  /// The suffix of the outputs of the format, including the dot; empty for folders, and without a format.
  var formatSuffix: String {
    guard format != nil else { return "" }
    var settings = self
    settings.path = "output"
    return (try? settings.container)?.suffix ?? ""
  }
}
