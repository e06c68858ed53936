package import BLAS
import InductionHeads

/// Measures the attention heads of a model by its weights.
package struct RepeatsHeadsOperation: Operation {
  package static let verb = "repeats heads"

  package var model: String
  package var kernels: KernelChoice
  /// True if the composition of all pairs of heads is computed.
  package var comparesPairs = true

  package init(model: String, kernels: KernelChoice) {
    self.model = model
    self.kernels = kernels
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let heads = try SurveyedHeads(model, kernels: kernels, context)
    let measures = try heads.measures(composition: comparesPairs)
    return OperationResult(reports: [
      HeadsReport(model: model, kernels: heads.kernels, measures)
    ])
  }
}
