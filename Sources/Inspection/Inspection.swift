import Base
package import Checkpoints
import Reporting
package import Surveys
import TensorCore

/// The contents of a checkpoint, as reported by `inspect`.
package struct Inspection: Report {
  package static let schema = "sumac.inspect/1"

  /// The order of the tensors.
  package enum SortKey: String, CaseIterable, Sendable {
    case catalog, name, size, dtype, offset
  }

  /// A tensor with its statistics.
  package struct Row: Sendable {
    package var tensor: LazyTensor
    package var statistics: TensorStatistics?
    package var neurons: [NeuronSurvey.Neuron]?
  }

  package let checkpoint: Checkpoint
  package let rows: [Row]
  /// The statistics of all float tensors together.
  package let model: TensorStatistics?
  package let fileByteCount: Int
  package let showsMetadata: Bool
  package let showsLayout: Bool

  /// - Parameters:
  ///   - statistics: The statistics, if they were requested.
  ///   - neurons: The neurons of each tensor in the order of the catalog, if they were requested.
  package init(
    _ checkpoint: Checkpoint, fileByteCount: Int, statistics: StatisticsSurvey.Result? = nil,
    neurons: [[NeuronSurvey.Neuron]?]? = nil, sortKey: SortKey = .catalog,
    showsMetadata: Bool = false, showsLayout: Bool = false
  ) {
    self.checkpoint = checkpoint
    self.fileByteCount = fileByteCount
    self.showsMetadata = showsMetadata
    self.showsLayout = showsLayout
    let rows = checkpoint.tensors.indices.map { index in
      Row(
        tensor: checkpoint.tensors[index], statistics: statistics?.tensors[index],
        neurons: neurons?[index])
    }
    model = statistics?.model
    self.rows = rows.sorted(by: sortKey)
  }

  /// The number of bytes of all tensors' values; aliases are not counted.
  var valueByteCount: Int {
    checkpoint.tensors.reduce(0) { $0 + ($1.aliasOf == nil ? $1.info.byteCount : 0) }
  }

  /// The dtypes with the number and bytes of their tensors, the largest first.
  var dtypes: [(dtype: DType, tensorCount: Int, byteCount: Int)] {
    var counts: [DType: (Int, Int)] = [:]
    for tensor in checkpoint.tensors where tensor.aliasOf == nil {
      let old = counts[tensor.info.dtype] ?? (0, 0)
      counts[tensor.info.dtype] = (old.0 + 1, old.1 + tensor.info.byteCount)
    }
    return counts.map { (dtype: $0.key, tensorCount: $0.value.0, byteCount: $0.value.1) }
      .sorted { ($1.byteCount, $0.dtype.rawValue) < ($0.byteCount, $1.dtype.rawValue) }
  }
}

extension [Inspection.Row] {
  /// Returns the rows in this order; ties keep the order of the catalog.
  fileprivate func sorted(by key: Inspection.SortKey) -> [Inspection.Row] {
    func stably(_ precedes: (Inspection.Row, Inspection.Row) -> Bool) -> [Inspection.Row] {
      enumerated().sorted { left, right in
        if precedes(left.element, right.element) { return true }
        if precedes(right.element, left.element) { return false }
        return left.offset < right.offset
      }.map(\.element)
    }
    return switch key {
    case .catalog: self
    case .name: stably { $0.tensor.name.precedesAsBytes($1.tensor.name) }
    case .size: stably { $0.tensor.info.byteCount > $1.tensor.info.byteCount }
    case .dtype: stably { $0.tensor.info.dtype.name < $1.tensor.info.dtype.name }
    case .offset:
      stably {
        ($0.tensor.stored.file, $0.tensor.stored.byteOffset)
          < ($1.tensor.stored.file, $1.tensor.stored.byteOffset)
      }
    }
  }
}
