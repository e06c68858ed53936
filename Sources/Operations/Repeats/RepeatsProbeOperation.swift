import InductionHeads

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
    let probed = try ProbedModel(model, kernels: settings.kernels, context)
    let inputs = try ProbeInputs(settings, for: [probed], context)
    try probed.check(inputs)
    return OperationResult(reports: [
      ProbeReport(model: model, kernels: probed.kernels, try probed.probe(inputs))
    ])
  }
}
