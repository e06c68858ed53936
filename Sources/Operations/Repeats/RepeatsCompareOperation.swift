import InductionHeads

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

  /// Checks both models and the sequences before any of the work starts.
  package func run(_ context: OperationContext) throws -> OperationResult {
    if comparesWeightsOnly { try settings.checkAbsence() }
    let paths = [first, second]
    let heads = try paths.map { try SurveyedHeads($0, kernels: settings.kernels, context) }
    try HeadsComparison.check((first, heads[0].grid), (second, heads[1].grid))
    for surveyed in heads { try surveyed.checkMemory(composition: false) }
    let probed =
      comparesWeightsOnly
      ? [] : try paths.map { try ProbedModel($0, kernels: settings.kernels, context) }
    let inputs = probed.isEmpty ? nil : try ProbeInputs(settings, for: probed, context)
    if let inputs { for model in probed { try model.check(inputs) } }
    let sides = try paths.indices.map { index in
      HeadsComparison.Side(
        model: paths[index], heads: try heads[index].measures(composition: false),
        probe: try inputs.map { try probed[index].probe($0) })
    }
    return OperationResult(reports: [
      HeadsComparison(sides[0], sides[1], kernels: heads[0].kernels)
    ])
  }
}
