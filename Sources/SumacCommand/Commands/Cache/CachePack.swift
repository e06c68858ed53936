import ArgumentParser
import Operations

struct CachePack: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Compress a cache: quantize it, keep outliers exact, and add low-rank products.",
    discussion: """
      Keys are quantized per channel, values per token. The method gear also stores the largest and \
      smallest entries exactly and adds a low-rank product for each head. Every method loses precision, which \
      cache inspect --against measures; only the tokens of --residual stay exact.

      Examples:
        sumac cache pack prompt.safetensors -o prompt.sumac
        sumac cache pack prompt.safetensors -o prompt.sumac --bits 2 --residual 64
        sumac cache pack prompt.safetensors -o prompt.sumac --method kivi --group 32
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Method") var gear: GearFlags
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(help: ArgumentHelp("Number of most recent tokens that stay exact.", valueName: "n"))
  var residual = 0

  @Argument(help: "Cache file or folder, or all chunks in order.", completion: .file())
  var caches: [String]

  func operation(_ invocation: Invocation) -> CachePackOperation {
    var operation = CachePackOperation(caches: caches, output: writer.settings)
    operation.settings = gear.settings
    operation.input = input.settings
    operation.residual = residual
    return operation
  }
}
