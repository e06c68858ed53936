import Base
import Checkpoints
import Examples
import SparCL
import TensorCore
import Training

/// Prunes layers to one sparsity and lets them grow to another: an exchange of weights.
package struct SparclUpdateOperation: OutputOperation {
  package static let verb = "sparcl update"

  /// The checkpoint whose weights are exchanged.
  package var input: String
  /// The path of the masks until now: other weights become 0 before they are ranked.
  package var mask: String?
  package var gradient: String?
  /// The factor of the gradient in the importance of a weight; 0.5 for nil.
  package var alpha: Double?
  /// The sparsities that layers are pruned to, and then grow to.
  package var lower: Double
  package var upper: Double
  /// The seed of random places; 0 for nil.
  package var seed: UInt64?
  /// The number of the exchange, which random places depend on; 0 for nil.
  package var number: Int?
  /// The path of a file with the places that are added, under the names of the layers.
  package var draws: String?
  package var selection = SelectionSettings()
  /// The path of the new masks.
  package var maskOutput: String
  /// The checkpoint with the weights of the new masks.
  package var output: OutputSettings

  package init(
    input: String, lower: Double, upper: Double, maskOutput: String, output: OutputSettings
  ) {
    (self.input, self.lower, self.upper) = (input, lower, upper)
    (self.maskOutput, self.output) = (maskOutput, output)
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    try request(context, MaskRows()).request
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let rows = MaskRows()
    let (request, names) = try request(context, rows)
    var result = try OutputRun(request, verb: Self.verb, output, context).run()
    result.reports = [MaskReport(output: maskOutput, rows.sorted(like: names))]
    return result
  }

  /// Returns the request of both outputs, and the names of the layers.
  private func request(
    _ context: OperationContext, _ rows: MaskRows
  ) throws -> (request: OutputRequest, names: [String]) {
    let checkpoint = try context.read(input)
    let (old, gradients) = (try mask.map(context.read), try gradient.map(context.read))
    let places = try draws.map(context.read)
    var selection = try selection.selection()
    // Masks say which layers are sparse, unless patterns do.
    if let old, selection.rules.isEmpty, selection.names == nil {
      selection.names = Set(old.tensors.map(\.name)).intersection(checkpoint.tensors.map(\.name))
    }
    let layers = try SparclLayers(checkpoint, sparsity: 0.5, profile: nil, selection)
    var errors = layers.errors + settingFaults
    errors += gradients.map { layers.faults(of: [$0]) } ?? []
    if let old { errors += layers.faults(ofMasks: old) }
    if let places { errors += layers.faults(ofPlaces: places) }
    try SeveralErrors.throwIfAny(errors)
    var exchanged: [String: LazyTensor] = [:]
    let masks = try layers.tensors.map { layer in
      func named(_ file: Checkpoint?) -> LazyTensor? {
        file?.tensors.first { $0.name == layer.tensor.name }
      }
      let work = UpdateWork(
        tensor: layer.tensor, path: checkpoint.path, mask: named(old),
        gradient: named(gradients), gradientPath: gradients?.path ?? "", alpha: alpha ?? 0.5,
        lower: lower, upper: upper, seed: seed ?? 0, number: number ?? 0,
        draws: places == nil ? nil : (named(places), places?.path ?? ""))
      let info = layer.tensor.info
      exchanged[info.name] = try DerivedTensor.tensor(
        info.name, info.dtype, info.shape.dimensions, inputByteCount: 24 * info.elementCount
      ) { try layer.tensor.bytes(masked: work.run(rows).kept) }
      return try DerivedTensor.tensor(
        info.name, .u8, info.shape.dimensions, inputByteCount: 24 * info.elementCount
      ) { try work.run(rows).mask.map { $0 ? 1 : 0 } }
    }
    var weights = checkpoint
    weights.tensors = checkpoint.tensors.map { exchanged[$0.name] ?? $0 }
    var maskFile = checkpoint
    (maskFile.tensors, maskFile.companions) = (masks, [])
    let inputs = [checkpoint] + [old, gradients, places].compactMap(\.self)
    let file = MaskOutput(maskOutput, besides: output)
    var request = OutputRequest(
      options: options, inputs: inputs, output: weights, errors: file.errors(inputs),
      carried: [checkpoint])
    request.sidePaths = [maskOutput]
    request.survey = survey(maskFile, file)
    return (request, masks.map(\.name))
  }

  /// Returns a survey that reads nothing and adds the masks to the outputs.
  private func survey(_ masks: Checkpoint, _ file: MaskOutput) -> OutputSurvey {
    let lineageOptions = options
    let demand = MemoryBudget.Demand(fixedByteCount: 0, workerByteCount: 0)
    return OutputSurvey(.survey, demand, byteCount: 0) { _, options in
      var surveyed = SurveyedOutput()
      surveyed.extras = [
        try file.job(masks, options.lineage, verb: Self.verb, lineageOptions)
      ]
      return surveyed
    }
  }

  private var options: [Lineage.Option] {
    var options = [Lineage.Option("lower", "\(lower)"), Lineage.Option("upper", "\(upper)")]
    if gradient != nil { options.append(Lineage.Option("alpha", "\(alpha ?? 0.5)")) }
    if draws == nil {
      options += [
        Lineage.Option("seed", "\(seed ?? 0)"), Lineage.Option("number", "\(number ?? 0)"),
      ]
    }
    return options
  }

  /// The faults of numbers that are out of their ranges, and of settings without effect.
  private var settingFaults: [any UserError] {
    var faults: [any UserError] = []
    for (name, share) in [("lower", lower), ("upper", upper)] where !(share >= 0 && share < 1) {
      faults.append(UsageError("\(setting: name) is \(share), expected 0 to below 1"))
    }
    if upper > lower {
      faults.append(
        UsageError(
          "\(setting: "upper") is \(upper), above \(setting: "lower") \(lower): no weights would be added",
          hint:
            "layers are pruned to the sparsity \(setting: "lower") and grow to \(setting: "upper")")
      )
    }
    faults += SparclLayers.faults(ofFactor: alpha, "alpha", of: gradient, "gradient")
    let places = [("seed", seed != nil), ("number", number != nil), ("draws", draws != nil)]
    for (name, isGiven) in places where isGiven {
      if upper == lower || upper == 0 {
        faults.append(UsageError("\(setting: name) has no effect, because no places are chosen"))
      } else if draws != nil, name != "draws" {
        faults.append(UsageError("\(setting: name) has no effect beside given draws"))
      }
    }
    return faults
  }
}

/// The exchange of the weights of a layer.
struct UpdateWork: Sendable {
  var tensor: LazyTensor
  var path: String
  var mask: LazyTensor?
  var gradient: LazyTensor?
  var gradientPath: String
  var alpha: Double
  var lower: Double
  var upper: Double
  var seed: UInt64
  var number: Int
  /// Places that are added, and the path of their file; nil to draw them.
  var draws: (tensor: LazyTensor?, path: String)?

  /// Returns the weights that stay and the new mask, and adds its row to a report.
  func run(_ rows: MaskRows) throws -> (kept: [Bool], mask: [Bool]) {
    switch try tensor.weightValues(path: path) {
    case .floats(let weights): try run(weights, rows) { try $0.floats(path: gradientPath) }
    case .doubles(let weights): try run(weights, rows) { try $0.asDoubles(path: gradientPath) }
    }
  }

  private func run<R: WeightNumber>(
    _ weights: [R], _ rows: MaskRows, _ read: (LazyTensor) throws -> [R]
  ) throws -> (kept: [Bool], mask: [Bool]) {
    var weights = weights
    if let old = try mask?.maskValues() {
      for index in weights.indices where !old[index] { weights[index] = 0 }
    }
    let terms = try gradient.map { [WeightMask.Term(factor: alpha, gradient: try read($0))] }
    let (kept, threshold) = WeightMask.mask(
      WeightMask.importance(weights, terms ?? []), sparsity: lower)
    for index in weights.indices where !kept[index] { weights[index] = 0 }
    let growth = WeightMask.growth(weights, lower: lower, upper: upper)
    let (mask, added) = try grown(weights, growth)
    rows.add(
      MaskRow(
        name: tensor.name, count: mask.count, kept: mask.count { $0 }, grown: added.count,
        percentile: Double(threshold)))
    return (weights.map { $0 != 0 }, mask)
  }

  /// Returns the mask after a growth, and the places that are added.
  private func grown<R: WeightNumber>(
    _ weights: [R], _ growth: WeightMask.Growth
  ) throws -> (mask: [Bool], added: [Int]) {
    guard let draws, case .random(let count) = growth else {
      let random = Draws("grow " + tensor.name, seed: seed)
      return WeightMask.grown(weights, growth) { random.number(below: $0, step: number, index: $1) }
    }
    let places = try draws.tensor?.integers(path: draws.path) ?? []
    do {
      return (try WeightMask.grown(weights, by: count, at: places), places)
    } catch {
      throw FormatError(.trainingData, error.reason, path: draws.path, tensor: tensor.name)
    }
  }
}
