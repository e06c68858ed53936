import ArgumentParser
import Base
import Operations
import Reporting

/// `batch JOBS.yaml`: a batch that a file describes.
struct BatchFile: Verb {
  static let configuration = CommandConfiguration(
    commandName: "file",
    abstract: "Run the steps that a YAML file describes on its models.",
    usage: "sumac batch <jobs.yaml> [<options>]",
    discussion: """
      The file lists models and steps: the output of a step is the input of the next. See docs/batch.md.

      Examples:
        sumac batch jobs.yaml --dry-run
        sumac batch jobs.yaml -o other/ --fail-fast
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Batch") var flags: BatchFlags

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Output folder. (default: the output of the file)", valueName: "folder"),
    completion: .directory)
  var output: String?

  @Flag(name: .shortAndLong, help: "Replace existing outputs.")
  var force = false

  @Flag(help: "Show the plan of all models; write nothing.")
  var dryRun = false

  @Option(help: "Format of the result or plan on standard output.")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  @Argument(help: "File of jobs.", completion: .file(extensions: ["yaml", "yml", "json"]))
  var files: [String]

  mutating func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) cannot be used together")
    }
  }

  func run(_ invocation: Invocation) throws {
    let output = BatchOutput(
      folder: output, replacesExisting: force, isDryRun: dryRun,
      format: format ?? (json ? .json : .text), hasFormat: json || format != nil)
    try invocation.run(output) {
      let jobs = try file()
      let recipe = try BatchRecipe(file: jobs, parser: BatchStepCommands(invocation: invocation))
      guard let folder = output.folder ?? recipe.output else {
        throw UsageError(
          "\(jobs.printable) names no output folder",
          hint: "add the key output, or name the folder with -o")
      }
      var batch = BatchOperation(folder: folder, models: recipe.models, steps: recipe.steps)
      batch.name = recipe.name
      batch.source = FileSystem.baseName(of: jobs)
      batch.keepsIntermediates = recipe.keepsIntermediates
      batch.resumes = !flags.startsOver
      batch.stopsAtFailure = flags.failFast
      batch.page = flags.report
      batch.replacesExisting = force
      return batch
    }
  }

  /// Returns the only file. Throws an error that suggests a verb if there is no file of the name.
  private func file() throws -> String {
    let jobs = files.first ?? ""
    guard try FileSystem.targetIfPresent(jobs) == nil, !jobs.contains(".") else {
      guard files.count == 1 else {
        throw UsageError(
          "a batch has one file of jobs, but \(files.count) are given",
          hint: "to run a command on several inputs: \(command: "batch COMMAND INPUT... -o FOLDER")"
        )
      }
      return jobs
    }
    let names = Set(BatchCommands.verbs.compactMap { $0.split(separator: " ").first }).sorted()
    throw UsageError(
      "unknown command 'batch \(jobs.printable)', and no file has this name",
      hint: Nearest.name(jobs, of: names.map(String.init)).map {
        "did you mean 'sumac batch \($0)'?"
      }
        ?? "the commands are \(names.joined(separator: ", ")); see sumac batch --help")
  }
}
