package import BLAS
import Base
package import ScalingLaws

/// Fits laws to a table of losses, and looks for humps.
package struct RepeatsFitOperation: Operation {
  package static let verb = "repeats fit"

  /// The path of a table as CSV or JSON.
  package var table: String
  package var settings: LossCurves.Settings
  package var kernels = KernelChoice.native

  package init(table: String, settings: LossCurves.Settings) {
    self.table = table
    self.settings = settings
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    if let window = settings.window, window < 1 || window % 2 == 0 || window > 1 << 20 {
      throw UsageError(
        "\(setting: "smooth") is \(window), expected an odd number from 1 on")
    }
    if let least = settings.leastProminence, !(least > 0 && least.isFinite) {
      throw UsageError("\(setting: "prominence") is \(least), expected a number above 0")
    }
    for pair in settings.cases where pair.count != 2 || !pair.allSatisfy({ $0 > 0 && $0.isFinite })
    {
      throw UsageError(
        "\(setting: "effective") expects a size and a loss above 0", hint: "for example: 8e8:2.17")
    }
    let isStream = table == OperationContext.standardInputPath
    let table = isStream ? OperationContext.standardInputName : self.table
    let file = try InputFile(
      path: isStream ? context.spooledStandardInput() : table, name: table)
    guard file.byteCount <= LossTable.maximumByteCount else {
      throw FormatError(
        .lossTable, "is larger than \(ByteSize(LossTable.maximumByteCount))", path: table)
    }
    let text = try file.bytes(at: 0, count: file.byteCount)
    let curves = try LossCurves(LossTable(text, path: table), settings) {
      try BLAS.load(kernels, crew: Crew(jobs: 1, cancellation: context.cancellation))
    }
    return OperationResult(reports: [FitReport(path: table, curves)])
  }
}
