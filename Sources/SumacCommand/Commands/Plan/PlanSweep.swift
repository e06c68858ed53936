import ArgumentParser
import Base
import Operations
import Reporting

struct PlanRepeats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repeats", abstract: "Plan to train a family of models on repeated data.",
    subcommands: [PlanSweep.self])
}

/// `plan repeats sweep`: a task for each training of a sweep.
struct PlanSweep: Verb {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Plan repeats sweep as tasks.",
    usage: "sumac plan repeats sweep [<options>] <sweep> --into <output> -o <plan>",
    discussion: """
      Each task trains one model; the last one writes the tables. A task that was ended continues when it \
      is run again. -j and --memory are the limits of each task.

      See also: sumac plan --help, sumac repeats sweep --help
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var products: KernelFlags

  @Option(
    help: ArgumentHelp(
      "The folder of the sweep. -o is the file of the plan.", valueName: "folder"),
    completion: .directory)
  var into: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("File of the plan.", valueName: "path"),
    completion: .file(extensions: ["json"]))
  var output: String

  @Flag(name: .shortAndLong, help: "Replace an existing plan.")
  var force = false

  @Flag(help: "Show the stages; write no plan.")
  var dryRun = false

  @Option(help: "Format of the result on standard output.")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  @Argument(
    help: "Settings of the sweep, in YAML or JSON.",
    completion: .file(extensions: ["yaml", "json"])
  )
  var sweep: String

  func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) cannot be used together")
    }
  }

  func run(_ invocation: Invocation) throws {
    let chosen = format ?? (json ? .json : .text)
    try invocation.reportingFailure(as: chosen) {
      var work = RepeatsSweepOperation(recipe: sweep, output: into)
      work.kernels = products.kernels
      var operation = PlanOperation(path: output, work: .sweep(work))
      operation.replacesExisting = force
      try invocation.show(isDryRun: dryRun, hasFormat: json || format != nil, chosen) {
        try operation.plan(invocation.context)
      } run: {
        try operation.run(invocation.context)
      }
    }
  }
}
