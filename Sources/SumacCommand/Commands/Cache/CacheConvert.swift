import ArgumentParser
import Caches
import Operations

struct CacheConvert: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Convert a cache to the layout of another program.",
    discussion: """
      Reads packed caches and the layouts \
      \(CacheLayouts.all.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ")). \
      Writes the layouts \(CacheLayouts.writable.map { $0.name }.joined(separator: ", ")).

      Examples:
        sumac cache convert prompt.seq -o prompt.safetensors --model model/
        sumac cache convert prompt.safetensors -o prompt.seq --layout llamacpp --dtype q8_0
        sumac cache convert a@1@0@11@bfloat16.pt b@1@0@22@bfloat16.pt -o mlx.safetensors --layout mlx --model model/
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Layout") var layout: CacheOutputFlags
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(help: "Cache file or folder, or all chunks in order.", completion: .file())
  var caches: [String]

  func operation(_ invocation: Invocation) -> CacheConvertOperation {
    var operation = CacheConvertOperation(caches: caches, output: writer.settings)
    operation.layout = layout.settings
    operation.input = input.settings
    return operation
  }
}
