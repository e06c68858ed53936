import Base
import Checkpoints
package import Repeats
import Reporting

/// Finds repeats in texts or tokens.
package struct RepeatsScanOperation: Operation {
  package static let verb = "repeats scan"

  package var data: DataSettings
  package var scan = ScanSettings()
  /// The path of an SVG picture that replaces the report.
  package var plot: String?
  package var replacesPlot = false

  package init(data: DataSettings) { self.data = data }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let result = try RepeatScan(
      context.corpus(data), scan, memory: context.memory.limit,
      temporaryFolder: context.temporaryFolder,
      parallel: Parallel(jobs: context.jobs, cancellation: context.cancellation))
    let report = try RepeatScanReport(result)
    guard let plot else { return OperationResult(reports: [report]) }
    try ReportFile.write(report.svg, to: plot, replacesExisting: replacesPlot)
    return OperationResult()
  }
}
