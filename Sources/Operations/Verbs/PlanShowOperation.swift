import Base
import Checkpoints
import Reporting

/// Shows the stages of a plan.
package struct PlanShowOperation: Operation {
  package static let verb = "plan file"

  /// The path of the plan.
  package var plan: String

  package init(plan: String) { self.plan = plan }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let file = try PlanFile.opened(plan)
    return OperationResult(reports: [PlanStagesReport(file.plan, path: plan)])
  }
}
