import ArgumentParser
import Caches
import Operations

struct CacheMake: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "make",
    abstract: "Compute the cache of the first tokens of a text with a language model.",
    discussion: """
      Runs the network block by block, so that a model of any size and format fits into --memory, and writes \
      the keys, after the rotary embedding, and the values. Writes the layouts \
      \(CacheLayouts.writable.map { $0.name }.joined(separator: ", ")), or a .sumac file without loss.

      Examples:
        sumac cache make model/ --data prompt.txt --length 128 -o prompt.safetensors
        sumac cache make model/ --data tokens.safetensors:heldout --length 512 --dtype f16 -o prompt.safetensors
        sumac cache make model/ --data prompt.txt --length 128 --layout llamacpp -o prompt.seq
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Text") var text: SequenceFlags
  @OptionGroup(title: "Layout") var layout: CacheOutputFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(help: ArgumentHelp("Number of tokens in the cache.", valueName: "n"))
  var length: Int

  @Option(
    help:
      "llama.cpp: whether quantized heads are rotated; auto follows llama.cpp since April 2026.")
  var rotated = CacheHints.Choice.auto

  @Option(
    help:
      "llama.cpp: rotary pairs in its keys. (default: adjacent for Llama and Mistral models, otherwise halves)"
  )
  var pairing: CacheHints.Pairing?

  @Argument(help: "Model folder, .sumac file or other checkpoint.", completion: .file())
  var model: String

  func operation(_ invocation: Invocation) -> CacheMakeOperation {
    var operation = CacheMakeOperation(
      model: model, text: text.settings, length: length, output: writer.settings)
    operation.layout = layout.settings
    operation.rotated = rotated
    operation.pairing = pairing
    return operation
  }
}
