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
  package var alpha = 0.5
  /// The sparsities that layers are pruned to, and then grow to.
  package var lower: Double
  package var upper: Double
  package var seed: UInt64 = 0
  /// The number of the exchange, which random places depend on.
  package var number = 0
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
    try requests(context, MaskRows()).weights
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let rows = MaskRows()
    let (weights, masks) = try requests(context, rows)
    var settings = output
    settings.path = maskOutput
    (settings.format, settings.shardByteCount) = (nil, nil)
    let maskRun = OutputRun(masks, verb: Self.verb, settings, context)
    // Both outputs are checked before the first one is written.
    _ = try maskRun.checkedJob()
    var result = try OutputRun(weights, verb: Self.verb, output, context).run()
    _ = try maskRun.run()
    result.reports = [
      MaskReport(output: maskOutput, rows.sorted(like: masks.output.tensors.map(\.name)))
    ]
    return result
  }

  private func requests(
    _ context: OperationContext, _ rows: MaskRows
  ) throws -> (weights: OutputRequest, masks: OutputRequest) {
    let checkpoint = try context.read(input)
    let (old, gradients) = (try mask.map(context.read), try gradient.map(context.read))
    let places = try draws.map(context.read)
    var selection = try selection.selection()
    // Masks say which layers are sparse, unless patterns do.
    if let old, selection.rules.isEmpty, selection.names == nil {
      selection.names = Set(old.tensors.map(\.name))
    }
    let layers = try SparclLayers(checkpoint, sparsity: 0.5, profile: nil, selection)
    var errors = layers.errors
    for (name, share) in [("lower", lower), ("upper", upper)] where !(share >= 0 && share < 1) {
      errors.append(UsageError("\(setting: name) is \(share), expected 0 to below 1"))
    }
    errors += gradients.map { layers.faults(of: [$0]) } ?? []
    for layer in layers.tensors {
      guard let mask = old?.tensors.first(where: { $0.name == layer.tensor.name }) else { continue }
      if mask.info.shape != layer.tensor.info.shape || mask.info.dtype.bitsPerElement < 8 {
        errors.append(
          FormatError(
            .trainingData, "is a mask of another shape", path: old?.path ?? "", tensor: mask.name))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    var exchanged: [String: LazyTensor] = [:]
    let masks = try layers.tensors.map { layer in
      func named(_ file: Checkpoint?) -> LazyTensor? {
        file?.tensors.first { $0.name == layer.tensor.name }
      }
      let work = UpdateWork(
        tensor: layer.tensor, path: checkpoint.path, mask: named(old),
        gradient: named(gradients), gradientPath: gradients?.path ?? "", alpha: alpha,
        lower: lower, upper: upper, seed: seed, number: number,
        draws: places == nil ? nil : (named(places), places?.path ?? ""))
      let info = layer.tensor.info
      exchanged[info.name] = try DerivedTensor.tensor(
        info.name, info.dtype, info.shape.dimensions, inputByteCount: 24 * info.elementCount
      ) { try layer.tensor.bytes(masked: work.run(rows).kept) }
      var tensor = try DerivedTensor.tensor(
        info.name, .u8, info.shape.dimensions, inputByteCount: 24 * info.elementCount
      ) { try work.run(rows).mask.map { $0 ? 1 : 0 } }
      if info.elementCount > 0 { tensor.storage = .losslessOrSparse }
      return tensor
    }
    var weights = checkpoint
    weights.tensors = checkpoint.tensors.map { exchanged[$0.name] ?? $0 }
    var output = checkpoint
    (output.tensors, output.companions) = (masks, [])
    let inputs = [checkpoint] + [old, gradients, places].compactMap(\.self)
    let options = [
      Lineage.Option("lower", "\(lower)"), Lineage.Option("upper", "\(upper)"),
      Lineage.Option("alpha", "\(alpha)"), Lineage.Option("seed", "\(seed)"),
      Lineage.Option("number", "\(number)"),
    ]
    return (
      OutputRequest(options: options, inputs: inputs, output: weights, carried: [checkpoint]),
      OutputRequest(options: options, inputs: inputs, output: output, carried: [])
    )
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
    let random = Draws("grow " + tensor.name, seed: seed)
    var (mask, added) = WeightMask.grown(
      weights, draws == nil ? growth : growth.isRandom ? .none : growth
    ) { random.number(below: $0, step: number, index: $1) }
    if let draws, growth.isRandom {
      added = try given(draws.tensor, draws.path, weights)
      for place in added { mask[place] = true }
    }
    rows.add(
      MaskRow(
        name: tensor.name, count: mask.count, kept: mask.count { $0 }, grown: added.count,
        percentile: Double(threshold)))
    return (weights.map { $0 != 0 }, mask)
  }

  /// Returns given places, which must be free.
  private func given<R: WeightNumber>(
    _ tensor: LazyTensor?, _ path: String, _ weights: [R]
  ) throws -> [Int] {
    guard let tensor else { return [] }
    let numbers = try tensor.integers(path: path)
    for (index, place) in numbers.enumerated()
    where !weights.indices.contains(place) || weights[place] != 0 {
      throw FormatError(
        .trainingData, "element \(index) is \(place), expected the place of a weight that is 0",
        path: path, tensor: tensor.name)
    }
    return numbers
  }
}

extension WeightMask.Growth {
  var isRandom: Bool { if case .random = self { true } else { false } }
}

extension LazyTensor {
  /// Returns the values of an integer tensor.
  func integers(path: String) throws -> [Int] {
    guard DataTensor.isInteger(info.dtype) else {
      throw FormatError(
        .trainingData, "has the dtype \(info.dtype.name), expected integers", path: path,
        tensor: name)
    }
    let (bytes, size) = (try bytes(), info.dtype.bitsPerElement / 8)
    let isSigned = [DType.i8, .i16, .i32, .i64].contains(info.dtype)
    return (0..<info.elementCount).map { index in
      var bits: UInt64 = 0
      for byte in 0..<size { bits |= UInt64(bytes[index * size + byte]) << (8 * byte) }
      if isSigned, size < 8, bits >> (8 * size - 1) != 0 { bits |= UInt64.max << (8 * size) }
      return Int(truncatingIfNeeded: bits)
    }
  }
}
