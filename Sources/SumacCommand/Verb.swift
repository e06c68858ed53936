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
  func operation() throws -> any Operation
}

extension ReportVerb {
  func run(_ invocation: Invocation) throws {
    try report.check()
    let result = try operation().run(invocation.context)
    try report.print(result)
    try invocation.finish(result)
  }
}

/// A verb that writes a checkpoint.
protocol OutputVerb: Verb {
  associatedtype Output: OutputOperation
  var writer: WriterFlags { get }
  func operation(_ invocation: Invocation) throws -> Output
}

extension OutputVerb {
  func validate() throws { try writer.requireOutput() }

  func run(_ invocation: Invocation) throws {
    if let result = try invocation.run(operation(invocation), isDryRun: writer.dryRun) {
      try invocation.finish(result)
    }
  }
}

/// An invocation of the program: its arguments and the context of its operation.
struct Invocation {
  /// The arguments of the command line, which keep the order between different options.
  let arguments: [String]
  let context: OperationContext

  /// Creates a context whose work signals cancel from now on.
  init(_ global: GlobalOptions, arguments: [String]) {
    self.arguments = arguments
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    context = OperationContext(
      jobs: global.jobCount, memory: MemoryBudget(limit: global.memory.size.byteCount),
      temporaryFolder: global.temporaryFolder, cancellation: cancellation,
      observer: TerminalObserver(global))
  }

  /// Runs an operation, or prints its plan.
  /// - Returns: The result, or nil after a dry run.
  func run(_ operation: some OutputOperation, isDryRun: Bool) throws -> OperationResult? {
    guard isDryRun else { return try operation.run(context) }
    let plan = try operation.plan(context)
    try StandardOutput.write(plan.rendered(as: .text, width: StandardOutput.width))
    return nil
  }

  /// Exits with the result's status unless it is `done`.
  func finish(_ result: OperationResult) throws {
    guard result.status != .done else { return }
    throw ExitCode(result.status.rawValue)
  }
}
