import ArgumentParser
import Operations

struct CacheAppend: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "append",
    abstract: "Append new tokens to a packed cache.",
    discussion: """
      The existing blocks are copied byte for byte. New tokens, together with earlier tokens that are \
      still exact, form a new block once they fill a group; the remaining tokens stay exact.

      Examples:
        sumac cache append prompt.sumac answer.safetensors -o all.sumac
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(
    help: ArgumentHelp(
      "Rank of the new block's products. (default: half the cache's rank)", valueName: "r"))
  var rank: Int?

  @Argument(help: "Packed cache.", completion: .file())
  var packed: String

  @Argument(help: "Cache with only the new tokens.", completion: .file())
  var new: String

  func operation(_ invocation: Invocation) -> CacheAppendOperation {
    var operation = CacheAppendOperation(packed: packed, new: new, output: writer.settings)
    operation.input = input.settings
    operation.rank = rank
    return operation
  }
}
