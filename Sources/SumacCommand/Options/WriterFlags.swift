import ArgumentParser
import Base
import Checkpoints
import Codecs
import Containers
import Operations

/// What every command that writes a checkpoint takes.
struct WriterFlags: ParsableArguments {
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp(
      "Where to write: NAME.safetensors, NAME.sumac, or a folder for a model directory.",
      valueName: "path"),
    completion: .file())
  var givenOutput: String?

  @Flag(name: .shortAndLong, help: "Replace an existing output.")
  var force = false

  @Flag(help: "Show what would be written, and how much memory it takes; write nothing.")
  var dryRun = false

  @Flag(name: .customLong("no-lineage"), help: "Do not record where the output came from.")
  var leavesOutLineage = false

  @Option(
    help: ArgumentHelp(
      "Cut a model directory's weights into files of at most this size.", valueName: "size"))
  var shardSize: SizeArgument?

  @Option(
    help: ArgumentHelp(
      "Format of the output, if its name does not tell: safetensors, sumac or directory.",
      valueName: "format"))
  var to: ContainerName?

  @Option(
    help: "Tied tensors in formats without aliases: keep writes each in full, drop only the first.")
  var aliases = AliasChoice.keep

  @Option(
    help: ArgumentHelp(
      "How small .sumac streams get: none (one mapped array for each lossless tensor), fast or "
        + "small; fast if not given, but what a .sumac input holds is then copied as it is.",
      valueName: "effort"))
  var compress: Compression?

  @Flag(
    help: ".sumac only: a SHA-256 for each chunk, so that one hash vouches for every byte.")
  var sealed = false

  @Flag(
    help: ".sumac only: a SHA-256 of each tensor's values, whatever their coding.")
  var contentIds = false
}

extension WriterFlags {
  func requireOutput() throws {
    guard givenOutput != nil else {
      throw ValidationError("Missing expected argument '--output <path>'")
    }
  }

  /// What the flags say of the output, whose name `requireOutput` has seen.
  var settings: OutputSettings {
    var settings = OutputSettings(path: givenOutput ?? "")
    settings.replacesExisting = force
    settings.format = to?.rawValue
    settings.shardByteCount = shardSize?.size.byteCount
    settings.keepsAliases = aliases == .keep
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
