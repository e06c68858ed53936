import ArgumentParser
import Base
import CacheCompression
import Caches
import Checkpoints

struct CachePack: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Pack a cache: quantized, with outliers kept exact and a product of low rank.",
    discussion: """
      Keys are quantized per channel, values per token. The method gear keeps the largest and smallest \
      entries exact and adds a product of low rank for each head.

      Examples:
        sumac cache pack prompt.safetensors -o prompt.sumac
        sumac cache pack prompt.safetensors -o prompt.sumac --bits 2 --residual 64
        sumac cache pack prompt.safetensors -o prompt.sumac --method kivi --group 32
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Method") var gear: GearFlags
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(help: ArgumentHelp("The most recent tokens, which stay exact.", valueName: "n"))
  var residual = 0

  @Argument(help: "A cache: a file or folder; of chunks all in order.", completion: .file())
  var caches: [String]

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    var settings = try gear.settings()
    guard residual >= 0 else { throw UsageError("--residual is \(residual), expected 0 or more") }
    let cache = try input.read(caches, global: global)
    if gear.rank == nil { settings.clampRank(to: cache, recentCount: residual) }
    var packing = CachePacking(
      cache, settings, recentCount: residual,
      start: try gear.startMatrices(global: global))
    if let details = try input.details() { packing.details = details }
    var errors = packing.errors
    if try !writer.container.holdsTerms {
      errors.append(
        UsageError("a packed cache is a .sumac file", hint: "name one with -o"))
      throw SeveralErrors(errors: errors)
    }
    let output = errors.isEmpty ? try packing.packed() : cache.checkpoint
    try OutputCommand(global: global, writer: writer).run(
      verb: "cache pack", options: packing.lineageOptions, inputs: [cache.origin],
      output: output, errors: errors, notes: cache.repackingNotes, carried: [])
  }
}
