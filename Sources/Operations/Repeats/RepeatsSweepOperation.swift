package import BLAS
import Base
package import Reporting
import Training

/// Trains a family of language models on data with repeats, and compares their losses and heads.
///
/// Each training has a run folder of its own in the output folder, in which it continues after it was ended. Those whose
/// results are there are not repeated.
/// Source: Hernandez et al., "Scaling Laws and Interpretability of Learning from Repeated Data", arXiv 2205.10487.
package struct RepeatsSweepOperation: PlannedTraining {
  package static let verb = "repeats sweep"

  /// The path of the settings as YAML or JSON.
  package var recipe: String
  /// The path of the folder.
  package var output: String
  package var kernels = KernelChoice.native

  package init(recipe: String, output: String) {
    self.recipe = recipe
    self.output = output
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let (sweep, _) = try checked(context)
    let folder = SweepFolder(path: output)
    try folder.create()
    var results: [SweepResult] = []
    let members = sweep.recipe.members
    for (number, member) in members.enumerated() {
      try context.cancellation.check()
      let (result, isNew) = try sweep.run(member, in: output)
      results.append(result)
      context.observer.report(
        .note(
          "\(number + 1) of \(members.count): \(member.name), test loss "
            + result.testLoss.fixed(decimals: 4) + (isNew ? "" : ", was there")))
    }
    let report = SweepReport(sweep.recipe, folder: output, results)
    try folder.write(report)
    return OperationResult(reports: [report])
  }

  package func plan(_ context: OperationContext) throws -> any Report {
    let (sweep, sizes) = try checked(context)
    return try SweepPlanReport(sweep, folder: output, sizes)
  }

  /// Reads and checks everything before the work.
  func checked(_ context: OperationContext) throws -> (Sweep, [Sweep.SizePlan]) {
    let sweep = try Sweep(recipe, kernels, context)
    let sizes = try sweep.plans()
    try SweepFolder(path: output).check(sweep)
    return (sweep, sizes)
  }
}
