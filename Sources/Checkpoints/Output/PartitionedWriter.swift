package import Base

/// A weights file of an output folder, which can be written without the other files.
package struct OutputPart: Sendable {
  /// The path in the output folder.
  package var file: String
  package var tensorNames: [String]
  /// The length of the file.
  package var byteCount: Int
  /// The length of the values in the file.
  package var valueByteCount: Int
  /// The length of the start of the file that is written again once the values of all parts were read; 0 if there is none.
  package var lateByteCount: Int

  package init(
    file: String, tensorNames: [String], byteCount: Int, valueByteCount: Int, lateByteCount: Int
  ) {
    self.file = file
    self.tensorNames = tensorNames
    self.byteCount = byteCount
    self.valueByteCount = valueByteCount
    self.lateByteCount = lateByteCount
  }
}

/// A writer of a folder whose weights files are independent of each other.
///
/// The cut into parts depends on headers and options alone. The bytes of a part depend on its own tensors, except for a
/// start that contains the losses of all parts. Therefore one process that writes all parts and several processes that
/// write one part each make the same folder.
package protocol PartitionedWriter: CheckpointWriter {
  /// The weights files, in the order of their names.
  var parts: [OutputPart] { get }
  /// The paths of the files that are written after all parts: indexes and the files beside the weights.
  var otherFiles: [String] { get }

  /// Writes a part. The losses of its tensors are in the engine afterwards.
  func write(part: Int, to file: OutputFile, engine: Engine) throws

  /// Writes the start of a part again, with the losses of all parts. Does nothing if no start waits for them.
  func record(
    _ losses: [TensorLoss], inPart part: Int, to file: OutputFile, engine: Engine) throws

  /// Writes one of the other files.
  /// - Parameters:
  ///   - folder: The folder with the weights files, to which the paths of parts are relative.
  ///   - losses: The losses of all parts.
  func write(
    otherFile number: Int, to file: OutputFile, beside folder: String, losses: [TensorLoss],
    engine: Engine
  ) throws
}

extension PartitionedWriter {
  package var isDirectory: Bool { true }
  package var partition: (any PartitionedWriter)? { self }

  /// Writes all parts in order, except that those whose start contains the losses of others come last.
  package func write(to output: AtomicOutput, engine: Engine) throws {
    let numbers = parts.indices
    let order =
      numbers.filter { parts[$0].lateByteCount == 0 }
      + numbers.filter { parts[$0].lateByteCount > 0 }
    try output.writeDirectory { folder in
      for number in order {
        try folder.writeFile(parts[number].file) { file in
          try write(part: number, to: file, engine: engine)
          try record(engine.losses.tensors, inPart: number, to: file, engine: engine)
        }
      }
      for (number, name) in otherFiles.enumerated() {
        try folder.writeFile(name) {
          try write(
            otherFile: number, to: $0, beside: folder.path, losses: engine.losses.tensors,
            engine: engine)
        }
      }
    }
  }
}
