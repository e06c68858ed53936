import ArgumentParser
import Operations

struct CachePack: OutputVerb {
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

  func operation(_ invocation: Invocation) -> CachePackOperation {
    var operation = CachePackOperation(caches: caches, output: writer.settings)
    operation.settings = gear.settings
    operation.input = input.settings
    operation.residual = residual
    return operation
  }
}
