import ArgumentParser
import Base
import Operations
import Reporting

struct Task: Verb {
  static let configuration = CommandConfiguration(
    commandName: "task",
    abstract: "Run a task of a plan, or several.",
    discussion: """
      A task whose result is there is skipped, so that tasks can be run again, in any order within a \
      stage, on any machine, and twice at once. A killed task leaves nothing, except that a training \
      of a sweep continues where it was.

      Examples:
        sumac task plan.json 12
        sumac task plan.json --stage apply 3
        sumac task plan.json --stage survey-1 1-100
        sumac task plan.json --missing
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "Count the tasks of this stage. (default: all tasks of the plan)", valueName: "name"))
  var stage: String?

  @Flag(help: "List the tasks that have no result; run none.")
  var missing = false

  @Option(
    help: ArgumentHelp(
      "With --missing and --stage: the numbers of groups of this many tasks.", valueName: "n"))
  var group: Int?

  @Flag(help: "Show the tasks; run none.")
  var dryRun = false

  @Option(help: "Format of the result on standard output.")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  @Argument(help: "File of a plan.", completion: .file(extensions: ["json"]))
  var plan: String

  @Argument(help: ArgumentHelp("Number of a task, from 1 on, or a range.", valueName: "tasks"))
  var tasks: TaskRange?

  func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) cannot be used together")
    }
    guard missing == (tasks == nil) else {
      throw ValidationError(
        missing
          ? "--missing lists tasks and runs none: leave out the number"
          : "Missing expected argument '<tasks>': the number of a task, or a range such as 1-10")
    }
    if let group, group < 1 || stage == nil || !missing {
      throw ValidationError("--group is a positive number, with --missing and --stage")
    }
  }

  private var chosenFormat: ReportFormat { format ?? (json ? .json : .text) }

  func run(_ invocation: Invocation) throws {
    try invocation.reportingFailure(as: chosenFormat) {
      guard let tasks else {
        var list = TaskListOperation(plan: plan, stage: stage)
        list.groupSize = group ?? 1
        list.entersFolder = true
        return try StandardOutput.write(list.run(invocation.context), as: chosenFormat)
      }
      var operation = TaskOperation(
        plan: plan, stage: stage, first: tasks.first, last: tasks.last)
      operation.entersFolder = true
      try invocation.show(
        isDryRun: dryRun, hasFormat: json || format != nil, chosenFormat
      ) {
        try operation.plan(invocation.context)
      } run: {
        try operation.run(invocation.context)
      }
    }
  }
}

/// A number of a task, or a range such as `3-7`.
struct TaskRange: ExpressibleByArgument {
  let first: Int
  let last: Int

  init?(argument: String) {
    let numbers = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count <= 2, let first = numbers.first ?? nil, let last = numbers.last ?? nil
    else { return nil }
    self.first = first
    self.last = last
  }
}
