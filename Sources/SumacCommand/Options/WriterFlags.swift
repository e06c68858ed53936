import ArgumentParser
import Base
import Checkpoints
import Codecs
import Containers
import Operations
import Reporting

/// The options of every command that writes a checkpoint.
struct WriterFlags: ParsableArguments {
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp(
      "Path of the output: NAME.safetensors, NAME.sumac, or a folder.",
      valueName: "path"),
    completion: .file())
  var givenOutput: String?

  @Flag(name: .shortAndLong, help: "Replace an existing output.")
  var force = false

  @Flag(help: "Show the plan, the output size and the memory needed; write nothing.")
  var dryRun = false

  @Option(help: "Format of the result or plan on standard output.")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  @Flag(name: .customLong("no-lineage"), help: "Do not record the origin of the output.")
  var leavesOutLineage = false

  @Option(
    help: ArgumentHelp(
      "Split the weights of a model folder into files up to this size; with --to sumac, into .sumac files.",
      valueName: "size"))
  var shardSize: SizeArgument?

  @Option(
    help: ArgumentHelp(
      "Format of the output. (default: from its name)",
      valueName: "format"))
  var to: ContainerName?

  @Option(
    help: "Tied tensors in formats without aliases: keep writes each one, drop only the first.")
  var aliases = AliasChoice.keep

  @Option(
    help: ArgumentHelp(
      "Files beside the weights to copy: small leaves out large files and copies of the weights.",
      valueName: "choice"))
  var companions = CompanionChoice.small

  @Option(
    help: ArgumentHelp(
      "Compression of .sumac files; none stores each lossless tensor as one array that can be mapped. "
        + "(default: fast, except that streams of a .sumac input are copied unchanged)",
      valueName: "effort"))
  var compress: Compression?

  @Flag(
    help: ".sumac only: store a SHA-256 of each chunk, so that one hash covers every byte.")
  var sealed = false

  @Flag(
    help: ".sumac only: store a SHA-256 of each tensor's values, independent of their encoding.")
  var contentIds = false
}

extension WriterFlags: OutputFlags {
  /// Throws an error if `--output` is missing.
  func requireOutput() throws {
    guard givenOutput != nil else {
      throw ValidationError("Missing expected argument '--output <path>'")
    }
  }

  /// True if a format was asked for, so that the result is printed.
  var hasFormat: Bool { json || format != nil }
  var chosenFormat: ReportFormat { format ?? (json ? .json : .text) }

  /// Throws an error if the result cannot be printed in the format.
  func checkFormat() throws {
    if json, let format, format != .json {
      throw UsageError("--json and --format \(format.rawValue) cannot be used together")
    }
    if hasFormat, !dryRun, givenOutput == "-" {
      throw UsageError(
        "standard output is used by \(setting: "output") and by the result",
        hint: "name a file with -o, or leave out \(setting: "json") and \(setting: "format")")
    }
  }

  /// The settings of the output; `requireOutput` checks before that a path is given.
  var settings: OutputSettings {
    var settings = OutputSettings(path: givenOutput ?? "")
    settings.replacesExisting = force
    settings.format = to?.rawValue
    settings.shardByteCount = shardSize?.size.byteCount
    settings.keepsAliases = aliases == .keep
    settings.companions = companions
    settings.compression = compress
    settings.isSealed = sealed
    settings.hasContentIDs = contentIds
    settings.recordsLineage = !leavesOutLineage
    return settings
  }
}

enum AliasChoice: String, CaseIterable, ExpressibleByArgument {
  case keep, drop
}

extension ContainerName: ExpressibleByArgument {
  public init?(argument: String) {
    guard let container = Containers.registry.output(named: argument) else { return nil }
    self = container.name
  }

  public static var allValueStrings: [String] {
    Containers.registry.outputs.map { $0.name.rawValue }
  }
}
extension Compression: ExpressibleByArgument {}
extension CompanionChoice: ExpressibleByArgument {}
