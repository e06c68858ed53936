package import Base
package import Checkpoints

/// The weights files and the index of a model folder or of one of its components, planned from headers.
package protocol ComponentWriter: Sendable {
  /// The names and shapes of the tensors, with the paths of their files.
  var rows: [OutputPlan.Row] { get }
  /// The weights files, in the order of their names. Their paths are those in the whole folder.
  var parts: [OutputPart] { get }
  /// The path of the index; nil if there is none.
  var indexPath: String? { get }
  /// The length of the index in bytes.
  var indexByteCount: Int { get }
  /// True if the lengths of all files are exact; otherwise they are upper bounds.
  var isExact: Bool { get }
  /// The memory for one of the files, and for the index.
  var demand: MemoryBudget.Demand { get }
  var tileCount: Int { get }
  /// The number of bytes of values that are read and written.
  var valueByteCount: Int { get }
  /// Returns the likely length of all files if they are not exact; nil if there is no estimate.
  func estimatedByteCount() throws -> Int?

  /// Writes a weights file.
  func write(part: Int, to file: OutputFile, engine: Engine) throws
  /// Writes the start of a weights file again, with the losses of all parts.
  func record(
    _ losses: [TensorLoss], inPart part: Int, to file: OutputFile, engine: Engine
  ) throws
  /// Writes the index.
  /// - Parameters:
  ///   - folder: The folder with the weights files, to which their paths are relative.
  ///   - losses: The losses of all parts of all components.
  func writeIndex(to file: OutputFile, beside folder: String, losses: [TensorLoss]) throws
}

extension ComponentWriter {
  /// The paths of all files.
  var paths: [String] { parts.map(\.file) + [indexPath].compactMap(\.self) }

  package func estimatedByteCount() throws -> Int? { nil }

  package func record(
    _ losses: [TensorLoss], inPart part: Int, to file: OutputFile, engine: Engine
  ) throws {}
}
