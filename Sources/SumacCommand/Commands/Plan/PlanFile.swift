import ArgumentParser
import Base
import Operations
import Reporting

/// `plan PLAN.json`: the stages of a plan, or scripts for an engine.
struct PlanFile: Verb {
  static let configuration = CommandConfiguration(
    commandName: "file",
    abstract: "Show the stages of a plan, or write scripts that run its tasks.",
    usage: "sumac plan <plan.json> [--emit <engine> -o <folder>]",
    discussion: """
      Engines: \(TaskEngines.all.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ")).

      The scripts contain site settings from a template: its default is written beside them; edit a \
      copy and pass it with --template.

      Examples:
        sumac plan plan.json
        sumac plan plan.json --emit slurm -o scripts
        sumac plan plan.json --emit slurm -o scripts -f --template site.sbatch
      """)

  @OptionGroup var global: GlobalOptions

  @Option(help: "Write scripts for this engine.")
  var emit: EngineName?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Folder for the scripts.", valueName: "folder"), completion: .directory)
  var output: String?

  @Option(
    help: ArgumentHelp("Site settings for the scripts.", valueName: "file"), completion: .file())
  var template: String?

  @Option(
    help: ArgumentHelp(
      "Path of sumac in the scripts. (default: this program)", valueName: "path"),
    completion: .file())
  var program: String?

  @Flag(name: .shortAndLong, help: "Replace existing scripts.")
  var force = false

  @Option(help: "Format of the result on standard output.")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  @Argument(help: "File of a plan.", completion: .file(extensions: ["json"]))
  var plan: String

  func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) cannot be used together")
    }
    guard (emit == nil) == (output == nil) else {
      throw ValidationError("--emit and -o belong together: --emit slurm -o scripts")
    }
    guard emit != nil || (template == nil && program == nil) else {
      throw ValidationError("--template and --program apply to --emit")
    }
  }

  private var chosenFormat: ReportFormat { format ?? (json ? .json : .text) }

  func run(_ invocation: Invocation) throws {
    try invocation.reportingFailure(as: chosenFormat) {
      let result = try operation.run(invocation.context)
      try StandardOutput.write(result, as: chosenFormat)
    }
  }

  private var operation: any Operation {
    guard let emit, let output else { return PlanShowOperation(plan: plan) }
    var operation = EmitOperation(plan: plan, engine: emit.name, folder: output)
    operation.template = template
    operation.program = program
    operation.replacesExisting = force
    return operation
  }
}

/// The name of an engine on the command line.
struct EngineName: ExpressibleByArgument {
  let name: String

  init?(argument: String) {
    guard TaskEngines[argument] != nil else { return nil }
    name = argument
  }

  static var allValueStrings: [String] { TaskEngines.all.map { $0.name } }
}
