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
    case catalog, name, size, stored, error, pqi, zeros, dtype, offset

    /// True if the order needs statistics of the values.
    package var needsStatistics: Bool {
      switch self {
      case .pqi, .zeros: true
      case .catalog, .name, .size, .stored, .error, .dtype, .offset: false
      }
    }
  }

  /// The parts of the report and their order.
  package struct Options: Sendable {
    package var sortKey = SortKey.catalog
    /// The maximum number of tensors or layers that are listed; nil for all.
    package var rowLimit: Int?
    /// True if layers are listed instead of tensors.
    package var listsLayers = false
    package var showsMetadata = false
    package var showsLayout = false

    package init() {}
  }

  /// A tensor with its statistics.
  package struct Row: Sendable {
    package var tensor: LazyTensor
    package var statistics: TensorStatistics?
    package var neurons: [NeuronSurvey.Neuron]?
    /// ‖x − x̂‖ / ‖x‖ as the file records it; infinite if values became infinite, nil if it is unknown.
    package var relativeError: Double?

    package init(
      tensor: LazyTensor, statistics: TensorStatistics?, neurons: [NeuronSurvey.Neuron]?
    ) {
      self.tensor = tensor
      self.statistics = statistics
      self.neurons = neurons
      relativeError = tensor.record.relativeError
    }
  }

  /// The checkpoint with the tensors that were selected.
  package let checkpoint: Checkpoint
  /// The number of tensors of the checkpoint, selected or not.
  package let tensorCount: Int
  /// The tensors in order, up to the limit; empty if layers are listed.
  package let rows: [Row]
  /// The layers in order, up to the limit; empty if tensors are listed.
  package let layers: [InspectedLayer]
  /// The statistics of all selected float tensors together.
  package let model: TensorStatistics?
  package let fileByteCount: Int
  package let options: Options

  /// - Parameters:
  ///   - checkpoint: The checkpoint with all tensors.
  ///   - indices: The indices of the tensors that are selected; nil for all.
  ///   - statistics: The statistics of the selected tensors, if they were requested.
  ///   - neurons: The neurons of each selected tensor in the order of the catalog, if they were requested.
  package init(
    _ checkpoint: Checkpoint, selecting indices: [Int]? = nil,
    statistics: StatisticsSurvey.Result? = nil, neurons: [[NeuronSurvey.Neuron]?]? = nil,
    options: Options = Options()
  ) {
    fileByteCount = checkpoint.fileByteCount
    tensorCount = checkpoint.tensors.count
    self.options = options
    var selected = checkpoint
    if let indices { selected.tensors = indices.map { checkpoint.tensors[$0] } }
    self.checkpoint = selected
    let loss = checkpoint.lineage.steps.last?.loss
    let rows = selected.tensors.indices.map { index in
      var row = Row(
        tensor: selected.tensors[index], statistics: statistics?.tensors[index],
        neurons: neurons?[index])
      if let loss, loss.infinities(in: row.tensor.name) > 0 { row.relativeError = .infinity }
      return row
    }
    model = statistics?.model
    let limit = options.rowLimit ?? .max
    if options.listsLayers {
      self.rows = []
      let layers = InspectedLayer.layers(of: rows, sortKey: options.sortKey)
      self.layers = Array(layers.prefix(limit))
    } else {
      self.rows = rows.sorted(by: options.sortKey, limit: limit)
      layers = []
    }
  }

  /// True if the error of a listed tensor or layer is known.
  package var hasErrors: Bool {
    rows.contains { $0.relativeError != nil } || layers.contains { $0.sums.relativeError != nil }
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
  /// Returns the first rows in this order; ties keep the order of the catalog.
  fileprivate func sorted(by key: Inspection.SortKey, limit: Int) -> [Inspection.Row] {
    // Numbers are sorted instead of rows, which are large.
    func stably(_ precedes: (Inspection.Row, Inspection.Row) -> Bool) -> [Inspection.Row] {
      indices.sorted { left, right in
        if precedes(self[left], self[right]) { return true }
        if precedes(self[right], self[left]) { return false }
        return left < right
      }.prefix(limit).map { self[$0] }
    }
    return switch key {
    case .catalog: Array(prefix(limit))
    case .name: stably { $0.tensor.name.precedesAsBytes($1.tensor.name) }
    case .size: stably { $0.tensor.info.byteCount > $1.tensor.info.byteCount }
    case .stored: stably { $0.tensor.stored.byteCount > $1.tensor.stored.byteCount }
    case .error:
      stably { ($0.relativeError ?? 0) > ($1.relativeError ?? 0) }
    case .pqi:
      stably {
        ($0.statistics?.distribution?.pqIndex ?? -1) > ($1.statistics?.distribution?.pqIndex ?? -1)
      }
    case .zeros:
      stably {
        ($0.statistics?.moments.zeroShare ?? -1) > ($1.statistics?.moments.zeroShare ?? -1)
      }
    case .dtype: stably { $0.tensor.info.dtype.name < $1.tensor.info.dtype.name }
    case .offset:
      stably {
        ($0.tensor.stored.file, $0.tensor.stored.byteOffset)
          < ($1.tensor.stored.file, $1.tensor.stored.byteOffset)
      }
    }
  }
}
