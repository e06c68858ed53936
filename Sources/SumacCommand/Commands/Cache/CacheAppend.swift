import ArgumentParser
import Base
import CacheCompression
import Caches
import Checkpoints

struct CacheAppend: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "append",
    abstract: "Put new tokens behind those of a packed cache.",
    discussion: """
      The cache's blocks stay as they are, to the byte. New tokens, and those that were exact before them, \
      become a block of their own as soon as they fill a group; the rest stays exact.

      Examples:
        sumac cache append prompt.sumac answer.safetensors -o all.sumac
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(
    help: ArgumentHelp(
      "Rank of the new block's products; half of the cache's if not given.", valueName: "r"))
  var rank: Int?

  @Argument(help: "A packed cache.", completion: .file())
  var packed: String

  @Argument(help: "A cache of the new tokens alone.", completion: .file())
  var new: String

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    if let rank, !(0...1024 ~= rank) {
      throw UsageError("--rank is \(rank), expected 0 to 1024")
    }
    let tokens = try input.read([new], global: global)
    let appending = try CacheAppending(
      packed, tokens, rank: rank, newDetails: try input.details())
    var errors = appending.errors
    if try !writer.container.holdsTerms {
      errors.append(UsageError("a packed cache is a .sumac file", hint: "name one with -o"))
      throw SeveralErrors(errors: errors)
    }
    let notes =
      appending.losses + tokens.repackingNotes
      + (appending.blockTokenCount > 0
        ? [] : ["no group is full yet: all new tokens stay exact"])
    try OutputCommand(global: global, writer: writer).run(
      verb: "cache append", options: appending.lineageOptions, inputs: appending.inputs,
      output: try appending.appended(), errors: errors, notes: notes, carried: [])
  }
}
