package import Base
package import Checkpoints
package import Reporting

/// A command as a value that can be stored as JSON, checked, planned and run without a terminal.
///
/// Paths are relative to the working directory. Settings are text and numbers as the user gives them. They
/// are checked when the operation runs, and all errors are reported together.
package protocol Operation: Codable, Sendable {
  /// The command's name, such as `cache pack`; also the verb recorded in lineages.
  static var verb: String { get }

  /// Runs the operation.
  /// - Throws: ``UserError``: all errors that headers show, before the work starts, or the first error after
  ///   that. Outputs are complete or absent.
  func run(_ context: OperationContext) throws -> OperationResult
}

/// The status and reports of a completed operation.
package struct OperationResult: Sendable {
  /// `done`, or the status of a report on a difference or on failed inputs.
  package var status = ExitStatus.done
  /// The reports for standard output, one per input.
  package var reports: [any Report] = []
  /// The number of inputs; the report on one input is rendered alone, reports on several as a list.
  package var inputCount = 1
  /// The loss of the written output in relation to the input; nil if there is none.
  package var loss: ModelLoss?

  package init(reports: [any Report] = [], inputCount: Int = 1, status: ExitStatus = .done) {
    self.reports = reports
    self.inputCount = inputCount
    self.status = status
  }

  /// Returns the reports as text, or nil if there are none.
  package func rendered(as format: ReportFormat, width: Int?) -> String? {
    guard let first = reports.first else { return nil }
    return inputCount == 1
      ? first.rendered(as: format, width: width)
      : Reports.rendered(reports, as: format, width: width)
  }
}

/// An operation that writes a checkpoint.
package protocol OutputOperation: Operation {
  var output: OutputSettings { get }

  /// Reads headers and checks everything that can be checked with them.
  /// - Returns: The planned output, its errors, and the survey it needs.
  func request(_ context: OperationContext) throws -> OutputRequest
}

extension OutputOperation {
  package func run(_ context: OperationContext) throws -> OperationResult {
    try OutputRun(request(context), verb: Self.verb, output, context).run()
  }

  /// Returns the plan: a row for each tensor, the output's size, and the peak memory. Writes nothing.
  /// - Throws: The errors that `run` throws before its work starts.
  package func plan(_ context: OperationContext) throws -> PlanReport {
    try OutputRun(request(context), verb: Self.verb, output, context).plan()
  }
}
