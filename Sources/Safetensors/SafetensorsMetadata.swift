package import Checkpoints

/// The metadata of a safetensors header: the given strings, the lineage, and `format`.
///
/// The header precedes the values, but the lineage contains the loss that is known after them. Therefore the header is
/// planned with the longest loss that its tensors can have, and written again at the end.
package struct SafetensorsMetadata: Sendable {
  private let strings: [Checkpoint.Metadatum]
  private let lineage: Lineage?
  private let isAlwaysWritten: Bool
  /// The number of steps of the lineage that are written.
  private let stepCount: Int
  /// The metadata with the longest loss that the tensors can have.
  package let planned: [Checkpoint.Metadatum]
  /// True if the loss of the tensors is to be recorded after they are written.
  package let awaitsLoss: Bool

  /// - Parameter isAlwaysWritten: False to leave out `format` if there is nothing else.
  package init(
    _ strings: [Checkpoint.Metadatum], lineage: Lineage?, tensors: [LazyTensor],
    isAlwaysWritten: Bool
  ) throws {
    self.strings = strings
    self.isAlwaysWritten = isAlwaysWritten
    awaitsLoss = lineage != nil && tensors.contains { $0.source.loss != nil }
    self.lineage =
      awaitsLoss ? lineage?.recording(.longest(names: tensors.map(\.name))) : lineage
    stepCount = try self.lineage?.keptStepCount() ?? 0
    planned = Self.metadata(
      strings, lineage: self.lineage?.json(keeping: stepCount), isAlwaysWritten: isAlwaysWritten)
  }

  /// Returns the metadata with the loss of the tensors that were written.
  package func metadata(recording loss: ModelLoss?) -> [Checkpoint.Metadatum] {
    Self.metadata(
      strings, lineage: lineage?.recording(loss).json(keeping: stepCount),
      isAlwaysWritten: isAlwaysWritten)
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
