import Checkpoints
import Inspection

/// Shows versions, CPU features and kernel speed.
package struct DoctorOperation: Operation {
  package static let verb = "doctor"

  package init() {}

  package func run(_ context: OperationContext) throws -> OperationResult {
    OperationResult(reports: [
      Diagnosis(version: Version.current, jobs: context.jobs, memory: context.memory)
    ])
  }
}
