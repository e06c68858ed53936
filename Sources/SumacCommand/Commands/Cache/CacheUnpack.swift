import ArgumentParser
import Caches
import Operations

struct CacheUnpack: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "unpack",
    abstract: "Decode a packed cache and write it in any layout.",
    discussion: """
      Writes the layouts \(CacheLayouts.writable.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ")).

      Examples:
        sumac cache unpack prompt.sumac -o prompt.safetensors
        sumac cache unpack prompt.sumac -o prompt.seq --layout llamacpp --dtype f16
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Layout") var layout: CacheOutputFlags
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(help: "Packed cache.", completion: .file())
  var packed: String

  func operation(_ invocation: Invocation) -> CacheUnpackOperation {
    var operation = CacheUnpackOperation(packed: packed, output: writer.settings)
    operation.layout = layout.settings
    operation.input = input.settings
    return operation
  }
}
