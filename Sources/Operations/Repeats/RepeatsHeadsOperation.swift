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

/// Runs a model over sequences that repeat a segment, and measures its heads and its losses.
package struct RepeatsProbeOperation: Operation {
  package static let verb = "repeats probe"

  package var model: String
  package var settings: ProbeSettings

  package init(model: String, settings: ProbeSettings) {
    self.model = model
    self.settings = settings
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let probed = try ProbedModel(model, settings, context)
    return OperationResult(reports: [
      ProbeReport(model: model, kernels: probed.kernels, try probed.probe())
    ])
  }
}

/// Compares the heads of two models of one architecture.
package struct RepeatsCompareOperation: Operation {
  package static let verb = "repeats compare"

  package var first: String
  package var second: String
  package var settings: ProbeSettings
  /// True if only weights are compared, and no model is run.
  package var comparesWeightsOnly = false

  package init(first: String, second: String, settings: ProbeSettings) {
    self.first = first
    self.second = second
    self.settings = settings
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let paths = [first, second]
    let heads = try paths.map { try SurveyedHeads($0, kernels: settings.kernels, context) }
    let probes =
      comparesWeightsOnly ? nil : try paths.map { try ProbedModel($0, settings, context) }
    let sides = try paths.indices.map { index in
      HeadsComparison.Side(
        model: paths[index], heads: try heads[index].measures(composition: false),
        probe: try probes?[index].probe())
    }
    return OperationResult(reports: [
      try HeadsComparison(sides[0], sides[1], kernels: heads[0].kernels)
    ])
  }
}
