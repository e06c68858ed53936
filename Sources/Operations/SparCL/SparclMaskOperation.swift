import Base
import Checkpoints
import Recipes
package import SparCL
import TensorCore

/// Makes masks of the important weights of each layer.
package struct SparclMaskOperation: OutputOperation {
  package static let verb = "sparcl mask"

  /// The tensors that are written.
  package enum Result: String, CaseIterable, Codable, Sendable {
    /// A mask for each layer: U8, 1 for weights that are kept.
    case mask
    /// The importance of each weight.
    case scores
    /// The whole checkpoint, in which weights that are not kept are 0.
    case weights
  }

  package var input: String
  /// The path of gradients of the current task.
  package var gradient: String?
  /// The factor of these gradients; 0.5 for nil.
  package var alpha: Double?
  /// The path of gradients on the buffer.
  package var bufferGradient: String?
  /// The factor of these gradients; 1 for nil.
  package var beta: Double?
  /// The share of the weights of each layer that is dropped; nil for scores, or if the profile has one for each layer.
  package var sparsity: Double?
  /// The path of a YAML file with `prune_ratios`: a share for each layer.
  package var profile: String?
  package var grouping = WeightMask.Grouping.irregular
  package var result = Result.mask
  package var selection = SelectionSettings()
  package var output: OutputSettings

  package init(input: String, output: OutputSettings) {
    self.input = input
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    try request(context, MaskRows())
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let rows = MaskRows()
    let request = try request(context, rows)
    var result = try OutputRun(request, verb: Self.verb, output, context).run()
    let found = rows.sorted(like: request.output.tensors.map(\.name))
    if !found.isEmpty { result.reports = [MaskReport(output: output.path, found)] }
    return result
  }

  private func request(_ context: OperationContext, _ rows: MaskRows) throws -> OutputRequest {
    let checkpoint = try context.read(input)
    let (gradients, buffer) = (try gradient.map(context.read), try bufferGradient.map(context.read))
    let isScored = result == .scores
    let layers = try SparclLayers(
      checkpoint, sparsity: isScored && profile == nil ? sparsity ?? 0.5 : sparsity,
      profile: profile, try selection.selection())
    var errors = layers.errors
    errors += SparclLayers.faults(ofFactor: alpha, "alpha", of: gradient, "gradient")
    errors += SparclLayers.faults(ofFactor: beta, "beta", of: bufferGradient, "buffer-gradient")
    if isScored, sparsity != nil {
      errors.append(UsageError("\(setting: "sparsity") has no effect on scores"))
    }
    if isScored, grouping == .filter {
      errors.append(UsageError("\(setting: "by") filter has no effect on scores"))
    }
    if grouping == .filter, gradients != nil || buffer != nil {
      errors.append(
        UsageError("filters are ranked by their weights alone", hint: "leave out the gradients"))
    }
    let terms = [(gradients, alpha ?? 0.5), (buffer, beta ?? 1)].compactMap { file, factor in
      file.map { (file: $0, factor: factor) }
    }
    errors += layers.faults(of: terms.map(\.file))
    try SeveralErrors.throwIfAny(errors)
    let made = try layers.tensors.map { layer in
      let inputs = terms.compactMap { term in
        term.file.tensors.first { $0.name == layer.tensor.name }.map {
          (tensor: $0, factor: term.factor, path: term.file.path)
        }
      }
      let work = MaskWork(
        tensor: layer.tensor, path: checkpoint.path, sparsity: layer.sparsity,
        grouping: grouping, terms: inputs)
      return try tensor(work, rows)
    }
    var output = checkpoint
    if result == .weights {
      let byName = Dictionary(uniqueKeysWithValues: made.map { ($0.name, $0) })
      output.tensors = checkpoint.tensors.map { byName[$0.name] ?? $0 }
    } else {
      output.tensors = made
      output.companions = []
    }
    return OutputRequest(
      options: options, inputs: [checkpoint] + terms.map(\.file), output: output,
      carried: result == .weights ? [checkpoint] : [])
  }

  private var options: [Lineage.Option] {
    var options = [Lineage.Option("as", result.rawValue), Lineage.Option("by", grouping.rawValue)]
    if let sparsity { options.append(Lineage.Option("sparsity", "\(sparsity)")) }
    if let profile { options.append(Lineage.Option("profile", file: profile)) }
    if gradient != nil { options.append(Lineage.Option("alpha", "\(alpha ?? 0.5)")) }
    if bufferGradient != nil { options.append(Lineage.Option("beta", "\(beta ?? 1)")) }
    return options
  }

  private func tensor(_ work: MaskWork, _ rows: MaskRows) throws -> LazyTensor {
    let (info, count) = (work.tensor.info, work.tensor.info.elementCount)
    switch result {
    case .mask:
      var tensor = try DerivedTensor.tensor(
        info.name, .u8, info.shape.dimensions, inputByteCount: 24 * count
      ) { try work.mask(rows).map { $0 ? 1 : 0 } }
      if count > 0 { tensor.storage = .losslessOrSparse }
      return tensor
    case .scores:
      return try DerivedTensor.tensor(
        info.name, info.dtype == .f64 ? .f64 : .f32, info.shape.dimensions,
        inputByteCount: 24 * count
      ) { try work.scores() }
    case .weights:
      return try DerivedTensor.tensor(
        info.name, info.dtype, info.shape.dimensions, inputByteCount: 24 * count
      ) { try work.tensor.bytes(masked: work.mask(rows)) }
    }
  }
}

/// The computation of the mask of a layer.
struct MaskWork: Sendable {
  var tensor: LazyTensor
  var path: String
  var sparsity: Double
  var grouping: WeightMask.Grouping
  var terms: [(tensor: LazyTensor, factor: Double, path: String)]

  /// Returns the mask, and adds its row to a report.
  func mask(_ rows: MaskRows) throws -> [Bool] {
    switch try tensor.weightValues(path: path) {
    case .floats(let weights):
      try found(weights, rows) { try $0.floats(path: $1) }
    case .doubles(let weights):
      try found(weights, rows) { try $0.asDoubles(path: $1) }
    }
  }

  /// Returns the bytes of the importances.
  func scores() throws -> [UInt8] {
    switch try tensor.weightValues(path: path) {
    case .floats(let weights):
      try importance(weights) { try $0.floats(path: $1) }.flatMap { number in
        (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) }
      }
    case .doubles(let weights):
      try importance(weights) { try $0.asDoubles(path: $1) }.flatMap { number in
        (0..<8).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * UInt64($0))) }
      }
    }
  }

  private func importance<R: WeightNumber>(
    _ weights: [R], _ read: (LazyTensor, String) throws -> [R]
  ) throws -> [R] {
    WeightMask.importance(
      weights,
      try terms.map {
        WeightMask.Term(factor: $0.factor, gradient: try read($0.tensor, $0.path))
      })
  }

  private func found<R: WeightNumber>(
    _ weights: [R], _ rows: MaskRows, _ read: (LazyTensor, String) throws -> [R]
  ) throws -> [Bool] {
    let (mask, threshold) =
      switch grouping {
      case .irregular:
        WeightMask.mask(try importance(weights, read), sparsity: sparsity)
      case .filter:
        WeightMask.filterMask(
          weights, outputs: tensor.info.shape.dimensions.first ?? 1, sparsity: sparsity)
      }
    rows.add(
      MaskRow(
        name: tensor.name, count: mask.count, kept: mask.count { $0 },
        percentile: Double(threshold)))
    return mask
  }
}

extension LazyTensor {
  /// Returns the values of a float tensor as F64.
  func asDoubles(path: String) throws -> [Double] {
    info.dtype == .f64 ? try doubles(path: path) : try floats(path: path).map { Double($0) }
  }
}
