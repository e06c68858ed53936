import ArgumentParser
import Base
import Checkpoints
import Operations
import Reporting

/// A subcommand that parses its arguments, calls an operation, and prints the result.
protocol Verb: ParsableCommand {
  var global: GlobalOptions { get }
  func run(_ invocation: Invocation) throws
}

extension Verb {
  func run() throws { try run(Invocation(global, arguments: [])) }
}

/// A verb that prints a report and writes no checkpoint.
protocol ReportVerb: Verb {
  var report: ReportFlags { get }
  /// The paths of the inputs, which a report never replaces.
  var inputPaths: [String] { get }
  /// The suffixes of drawings that the operation writes itself, such as `svg`.
  var drawings: [String] { get }
  func operation(_ invocation: Invocation) throws -> any Operation
}

extension ReportVerb {
  var inputPaths: [String] { [] }
  var drawings: [String] { [] }

  func run(_ invocation: Invocation) throws {
    try invocation.reportingFailure(as: report.chosenFormat) {
      try report.check(inputs: inputPaths, drawings: drawings)
      let result = try operation(invocation).run(invocation.context)
      try report.print(result, color: global.color)
      try invocation.finish(result)
    }
  }
}

/// The options of a verb that writes an output.
protocol OutputFlags {
  var dryRun: Bool { get }
  /// True if a format was asked for, so that the result is printed.
  var hasFormat: Bool { get }
  var chosenFormat: ReportFormat { get }
  /// Throws an error if the output is missing.
  func requireOutput() throws
  /// Throws an error if the result cannot be printed in the format.
  func checkFormat() throws
}

/// A verb that writes an output.
protocol OutputVerb: Verb {
  associatedtype Output: OutputOperation
  associatedtype Flags: OutputFlags
  var writer: Flags { get }
  func operation(_ invocation: Invocation) throws -> Output
}

extension OutputVerb {
  func validate() throws { try writer.requireOutput() }

  func run(_ invocation: Invocation) throws {
    try invocation.run(writer) { try operation(invocation) }
  }
}

/// An invocation of the program: its arguments and the context of its operation.
struct Invocation {
  /// The arguments of the command line, which keep the order between different options.
  var arguments: [String]
  let context: OperationContext
  let isQuiet: Bool

  /// Creates a context whose work signals cancel from now on.
  init(_ global: GlobalOptions, arguments: [String]) {
    self.arguments = arguments
    isQuiet = global.quiet
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    var context = OperationContext(
      jobs: global.jobCount, memory: MemoryBudget(limit: global.memory.size.byteCount),
      temporaryFolder: global.temporaryFolder, hubFolder: global.hubFolder,
      cancellation: cancellation,
      observer: TerminalObserver(global))
    context.choice = WeightsChoice(key: global.key, variant: global.variant)
    self.context = context
  }

  /// Runs an operation and prints its result, or prints its plan.
  func run<O: OutputOperation>(_ writer: some OutputFlags, _ operation: () throws -> O) throws {
    try reportingFailure(as: writer.chosenFormat) {
      try writer.checkFormat()
      let operation = try operation()
      guard !writer.dryRun else {
        let plan = try operation.plan(context)
        return try StandardOutput.write(
          OperationResult(reports: [plan]), as: writer.chosenFormat)
      }
      let result = try operation.run(context)
      try printWritten(result, writer)
      try finish(result)
    }
  }

  /// Prints the report of a writer: that of its operation, or in a format for programs the written output.
  func printWritten(_ result: OperationResult, _ writer: some OutputFlags) throws {
    let format = writer.chosenFormat
    var shown = result
    if shown.reports.isEmpty, writer.hasFormat {
      shown.reports = [result.written].compactMap(\.self)
    }
    guard !isQuiet || writer.hasFormat, shown.hasReports else { return }
    try StandardOutput.write(shown, as: format)
  }

  /// Runs a batch and prints its result, or prints its plan.
  func run(_ output: BatchOutput, _ batch: () throws -> BatchOperation) throws {
    try reportingFailure(as: output.format) {
      let batch = try batch()
      guard !output.isDryRun else {
        let plan = try batch.plan(context)
        return try StandardOutput.write(
          OperationResult(reports: [plan]), as: output.format)
      }
      let result = try batch.run(context)
      if !isQuiet || output.hasFormat, result.hasReports {
        try StandardOutput.write(result, as: output.format)
      }
      try finish(result)
    }
  }

  /// Runs `body`; if it fails and programs read the format, prints the failure on standard output too.
  func reportingFailure(as format: ReportFormat, _ body: () throws -> Void) throws {
    do { try body() } catch let error as any UserError where format.isForPrograms {
      try? StandardOutput.write(FailureReport(error).rendered(as: format, width: nil))
      throw error
    }
  }

  /// Exits with the result's status unless it is `done`.
  func finish(_ result: OperationResult) throws {
    guard result.status != .done else { return }
    throw ExitCode(result.status.rawValue)
  }
}
