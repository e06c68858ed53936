import ArgumentParser
import Operations

struct CacheAppend: OutputVerb {
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

  func operation(_ invocation: Invocation) -> CacheAppendOperation {
    var operation = CacheAppendOperation(packed: packed, new: new, output: writer.settings)
    operation.input = input.settings
    operation.rank = rank
    return operation
  }
}
