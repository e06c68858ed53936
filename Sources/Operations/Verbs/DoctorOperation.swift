import Base
import Checkpoints
import Inspection

/// Shows versions, CPU features and kernel speed, or removes abandoned outputs.
package struct DoctorOperation: Operation {
  package static let verb = "doctor"

  /// The folder whose abandoned outputs are removed; nil to show the machine.
  package var cleanedFolder: String?

  package init(cleanedFolder: String? = nil) { self.cleanedFolder = cleanedFolder }

  package func run(_ context: OperationContext) throws -> OperationResult {
    if let cleanedFolder {
      let entries = try AbandonedOutputs.remove(in: cleanedFolder)
      return OperationResult(reports: [CleaningReport(folder: cleanedFolder, entries)])
    }
    return try OperationResult(reports: [
      Diagnosis(
        version: Version.current, jobs: context.jobs, memory: context.memory,
        cancellation: context.cancellation)
    ])
  }
}
