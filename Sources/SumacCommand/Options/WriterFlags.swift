import ArgumentParser
import Checkpoints
import PackedFormat
import TensorCore

/// What every command that writes a checkpoint takes.
struct WriterFlags: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where to write: NAME.safetensors, NAME.sumac, or a folder for a model directory.",
      valueName: "path"),
    completion: .file())
  var output: String

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
    help: "How small lossless .sumac tensors get: none (one mapped array each), fast or small.")
  var compress = Compression.fast
}

enum AliasChoice: String, CaseIterable, ExpressibleByArgument {
  case keep, drop
}

extension ContainerName: ExpressibleByArgument {}
extension Compression: ExpressibleByArgument {}
