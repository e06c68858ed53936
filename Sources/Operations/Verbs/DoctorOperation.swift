import Checkpoints
import Inspection

/// Shows versions, what the CPU can do, and how fast it is.
package struct DoctorOperation: Operation {
  package static let verb = "doctor"

  package init() {}

  package func run(_ context: OperationContext) throws -> OperationResult {
    OperationResult(reports: [
      Diagnosis(version: Version.current, jobs: context.jobs, memory: context.memory)
    ])
  }
}
