import Base
import Checkpoints
import SparCL
import TensorCore
import Training

/// Clears all but the largest gradients of the kept weights of each masked layer.
package struct SparclGradmaskOperation: OutputOperation {
  package static let verb = "sparcl gradmask"

  /// The tensors that are written.
  package enum Result: String, CaseIterable, Codable, Sendable {
    /// All gradients; those of masked layers with zeros.
    case gradients
    /// A mask for each masked layer: U8, 1 for gradients that are not 0.
    case mask
  }

  /// The path of the gradients.
  package var input: String
  /// The path of the masks of weights; only their layers are changed.
  package var mask: String
  package var sparsity: Double
  package var result = Result.gradients
  package var output: OutputSettings

  package init(input: String, mask: String, sparsity: Double, output: OutputSettings) {
    (self.input, self.mask, self.sparsity, self.output) = (input, mask, sparsity, output)
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    try request(context, MaskRows())
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let rows = MaskRows()
    let request = try request(context, rows)
    var result = try OutputRun(request, verb: Self.verb, output, context).run()
    result.reports = [
      MaskReport(output: output.path, rows.sorted(like: request.output.tensors.map(\.name)))
    ]
    return result
  }

  private func request(_ context: OperationContext, _ rows: MaskRows) throws -> OutputRequest {
    let (checkpoint, masks) = (try context.read(input), try context.read(mask))
    var errors: [any UserError] = []
    if !(sparsity > 0 && sparsity < 1) {
      errors.append(
        UsageError("\(setting: "sparsity") is \(sparsity), expected a share between 0 and 1"))
    }
    var made: [String: LazyTensor] = [:]
    for mask in masks.tensors {
      guard let tensor = checkpoint.tensors.first(where: { $0.name == mask.name }),
        tensor.info.shape == mask.info.shape, tensor.info.dtype.isPlainFloat,
        mask.info.dtype.bitsPerElement >= 8
      else {
        errors.append(
          FormatError(
            .trainingData, "is a mask of no gradient of \(checkpoint.path.printable)",
            path: masks.path, tensor: mask.name))
        continue
      }
      made[mask.name] = try masked(tensor, mask, checkpoint.path, rows)
    }
    if masks.tensors.isEmpty {
      errors.append(UsageError("\(masks.path.printable) has no masks"))
    }
    try SeveralErrors.throwIfAny(errors)
    var output = checkpoint
    switch result {
    case .gradients: output.tensors = checkpoint.tensors.map { made[$0.name] ?? $0 }
    case .mask:
      output.tensors = checkpoint.tensors.compactMap { made[$0.name] }
      output.companions = []
    }
    return OutputRequest(
      options: [
        Lineage.Option("sparsity", "\(sparsity)"), Lineage.Option("as", result.rawValue),
      ], inputs: [checkpoint, masks], output: output,
      carried: result == .gradients ? [checkpoint] : [])
  }

  private func masked(
    _ tensor: LazyTensor, _ mask: LazyTensor, _ path: String, _ rows: MaskRows
  ) throws -> LazyTensor {
    let (info, sparsity, result) = (tensor.info, sparsity, result)
    var made = try DerivedTensor.tensor(
      info.name, result == .mask ? .u8 : info.dtype, info.shape.dimensions,
      inputByteCount: 24 * info.elementCount
    ) {
      let weights = try mask.maskValues()
      let (kept, threshold): ([Bool], Double)
      switch try tensor.weightValues(path: path) {
      case .floats(var numbers):
        let found = GradientMask.apply(to: &numbers, weights: weights, sparsity: sparsity)
        (kept, threshold) = (found.mask, Double(found.threshold))
      case .doubles(var numbers):
        let found = GradientMask.apply(to: &numbers, weights: weights, sparsity: sparsity)
        (kept, threshold) = (found.mask, found.threshold)
      }
      rows.add(
        MaskRow(
          name: info.name, count: kept.count, kept: kept.count { $0 }, percentile: threshold))
      return result == .mask ? kept.map { $0 ? 1 : 0 } : try tensor.bytes(masked: kept)
    }
    if result == .mask, info.elementCount > 0 { made.storage = .losslessOrSparse }
    return made
  }
}
