import ArgumentParser
import Base
import Operations
import Reporting

/// A verb whose output tasks can make.
protocol PlannableVerb: Verb {
  associatedtype Planned: OutputOperation
  /// The inputs of one output, in the usage.
  static var inputWords: String { get }
  var writer: WriterFlags { get }
  func plannedOperation(_ invocation: Invocation) throws -> Planned
}

extension Convert: PlannableVerb {
  func plannedOperation(_ invocation: Invocation) throws -> ConvertOperation {
    guard sweep == nil else {
      throw UsageError("\(setting: "sweep") writes no model, so that there is nothing to plan")
    }
    return operation(invocation)
  }
}

extension Calibrate: PlannableVerb {
  static let inputWords = "<model>"

  func plannedOperation(_ invocation: Invocation) -> CalibrateOperation { operation(invocation) }
}

extension Merge: PlannableVerb {
  func plannedOperation(_ invocation: Invocation) -> MergeOperation { operation(invocation) }
}

extension Prune: PlannableVerb {
  func plannedOperation(_ invocation: Invocation) throws -> PruneOperation {
    guard surveyOut == nil else {
      throw UsageError(
        "\(setting: "survey-out") is for shards that are pruned one by one; a plan has surveys of its own"
      )
    }
    try refuseRounds(in: "a plan")
    guard sweep == nil else {
      throw UsageError("\(setting: "sweep") writes no model, so that there is nothing to plan")
    }
    return operation(invocation)
  }
}

extension RopeScale: PlannableVerb {
  func plannedOperation(_ invocation: Invocation) throws -> RopeScaleOperation {
    guard !configOnly else {
      throw UsageError("\(setting: "config-only") writes one small file and needs no plan")
    }
    return operation
  }
}

extension PlannableVerb {
  static var inputWords: String { "<model> ..." }
}

/// The options of every plan.
struct PlanFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The output that the tasks make: a folder. -o is the file of the plan.", valueName: "path"),
    completion: .directory)
  var into: String

  @Option(
    help: ArgumentHelp(
      "Read up to this size in a task of a survey. (default: --shard-size, or 5GB)",
      valueName: "size"))
  var taskSize: SizeArgument?

  @Flag(
    help: "Let the output replace an existing one. (--force replaces an existing plan only)")
  var replace = false
}

extension CommandConfiguration {
  /// The configuration of `plan VERB`.
  static func plan(of verb: String, inputs: String) -> CommandConfiguration {
    CommandConfiguration(
      commandName: verb.split(separator: " ").last.map(String.init) ?? verb,
      abstract: "Plan \(verb) as tasks.",
      usage: "sumac plan \(verb) [<options>] \(inputs) --into <output> -o <plan>",
      discussion: """
        Takes all options of \(verb). -o names the file of the plan, --into the output that its tasks \
        make. -j and --memory are the limits of each task.

        See also: sumac plan --help, sumac \(verb) --help
        """)
  }
}

extension Invocation {
  /// Makes a plan and prints its stages.
  func plan(
    _ writer: WriterFlags, _ flags: PlanFlags, _ work: () throws -> PlannedWork
  ) throws {
    try reportingFailure(as: writer.chosenFormat) {
      try writer.checkFormat()
      var operation = PlanOperation(path: writer.givenOutput ?? "", work: try work())
      operation.taskByteCount = flags.taskSize?.size.byteCount
      operation.replacesExisting = writer.force
      try show(isDryRun: writer.dryRun, hasFormat: writer.hasFormat, writer.chosenFormat) {
        try operation.plan(context)
      } run: {
        try operation.run(context)
      }
    }
  }

  /// Prints what a dry run or a run reports.
  func show(
    isDryRun: Bool, hasFormat: Bool, _ format: ReportFormat, plan: () throws -> any Report,
    run: () throws -> OperationResult
  ) throws {
    guard !isDryRun else {
      return try StandardOutput.write(OperationResult(reports: [plan()]), as: format)
    }
    let result = try run()
    if !isQuiet || hasFormat, result.hasReports {
      try StandardOutput.write(result, as: format)
    }
    try finish(result)
  }
}

extension PlannableVerb {
  /// Returns the operation with the output of the plan.
  func operation(_ flags: PlanFlags, _ invocation: Invocation) throws -> Planned {
    var operation = try plannedOperation(invocation)
    operation.output.path = flags.into
    operation.output.replacesExisting = flags.replace
    return operation
  }
}
