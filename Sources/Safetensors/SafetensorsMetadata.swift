package import Checkpoints

/// The metadata of a safetensors header: the given strings, the lineage, and `format`.
///
/// The header precedes the values, but the lineage contains the loss, and ids of inputs, that may be known after them.
/// Therefore the header is planned with the longest loss that its tensors can have, and written again at the end.
package struct SafetensorsMetadata: Sendable {
  private let strings: [Checkpoint.Metadatum]
  private let options: WriterOptions
  private let isAlwaysWritten: Bool
  /// The number of steps of the lineage that are written.
  private let stepCount: Int
  /// True if the loss of the tensors is to be recorded after they are written.
  private let awaitsLoss: Bool
  /// The metadata with the longest loss that the tensors can have.
  package let planned: [Checkpoint.Metadatum]

  /// True if the header is written again after the values.
  package var isLate: Bool {
    awaitsLoss || options.lineage != nil && options.lateInputs != nil
  }

  /// - Parameters:
  ///   - options: The options with the lineage.
  ///   - isAlwaysWritten: False to leave out `format` if there is nothing else.
  package init(
    _ strings: [Checkpoint.Metadatum], options: WriterOptions, tensors: [LazyTensor],
    isAlwaysWritten: Bool
  ) throws {
    self.strings = strings
    self.options = options
    self.isAlwaysWritten = isAlwaysWritten
    awaitsLoss = options.lineage != nil && tensors.contains { $0.source.loss != nil }
    let longest =
      awaitsLoss
      ? options.lineage?.recording(.longest(names: tensors.map(\.name))) : options.lineage
    stepCount = try longest?.keptStepCount() ?? 0
    planned = Self.metadata(
      strings, lineage: longest?.json(keeping: stepCount), isAlwaysWritten: isAlwaysWritten)
  }

  /// Returns the metadata with the loss of the tensors that were written, and with the ids of late inputs.
  package func final(loss: ModelLoss?, engine: Engine) throws -> [Checkpoint.Metadatum] {
    var lineage = try options.identifiedLineage(engine: engine)
    if awaitsLoss { lineage = lineage?.recording(loss) }
    return Self.metadata(
      strings, lineage: lineage?.json(keeping: stepCount), isAlwaysWritten: isAlwaysWritten)
  }

  private static func metadata(
    _ strings: [Checkpoint.Metadatum], lineage: String?, isAlwaysWritten: Bool
  ) -> [Checkpoint.Metadatum] {
    var metadata = strings
    if let lineage {
      metadata.append(Checkpoint.Metadatum(key: Lineage.metadataKey, value: lineage))
    }
    if isAlwaysWritten || !metadata.isEmpty, !metadata.contains(where: { $0.key == "format" }) {
      metadata.append(Checkpoint.Metadatum(key: "format", value: "pt"))
    }
    return metadata
  }
}
