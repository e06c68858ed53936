import BLAS
import Base
import Checkpoints
import InductionHeads
import Networks

/// A model whose heads are measured by their weights.
struct SurveyedHeads {
  private let network: Network<Double>
  private let compute: Compute
  private let blas: BLAS
  private let context: OperationContext
  /// The kernels of the matrix products, for reports.
  let kernels: String

  /// Reads headers and configuration.
  /// - Throws: ``UsageError`` for a model without heads that can be measured.
  init(_ path: String, kernels: KernelChoice, _ context: OperationContext) throws {
    let source = try EvaluatedSource(path, context)
    self.context = context
    blas = try BLAS.load(
      kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    compute = Compute(blas)
    self.kernels = "\(kernels.rawValue) (\(blas.library.coreName))"
    network = try Network<Double>.network(of: source.checkpoint, source.configuration, compute)
    guard network.family.hasLogits, network.hasAttentionHeads else {
      throw UsageError(
        "\(path.printable) has no causal attention of heads and an output layer",
        hint: "name a language model")
    }
  }

  /// The heads of the model.
  var grid: HeadGrid {
    HeadGrid(layerCount: network.layerCount, headCount: network.configuration.headCount)
  }

  /// Throws ``UsageError`` if the measures need more memory than the limit.
  func checkMemory(composition: Bool) throws {
    try context.checkMemory(HeadSurvey.byteCount(of: network, composition: composition))
  }

  /// Measures all heads, while progress is shown.
  /// - Throws: ``UsageError`` if the work needs more memory than the limit.
  func measures(composition: Bool) throws -> HeadMeasures {
    try checkMemory(composition: composition)
    let (progress, cancellation) = (context.observer.progress, context.cancellation)
    progress.begin(
      .measure, tensors: 0,
      byteCount: HeadSurvey.valueCount(of: network, composition: composition))
    defer { progress.end() }
    return try HeadSurvey(network, compute, blas) {
      progress.advance(byteCount: $0)
      try cancellation.check()
    }.measures(composition: composition)
  }
}
