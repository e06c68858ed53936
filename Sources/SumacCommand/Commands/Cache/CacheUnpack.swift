import ArgumentParser
import Caches
import Operations

struct CacheUnpack: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "unpack",
    abstract: "Write a packed cache in full, in any layout.",
    discussion: """
      Layouts to write: \(CacheLayouts.writable.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ")).

      Examples:
        sumac cache unpack prompt.sumac -o prompt.safetensors
        sumac cache unpack prompt.sumac -o prompt.seq --layout llamacpp --dtype f16
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Layout") var layout: CacheOutputFlags
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(help: "A packed cache.", completion: .file())
  var packed: String

  func operation(_ invocation: Invocation) -> CacheUnpackOperation {
    var operation = CacheUnpackOperation(packed: packed, output: writer.settings)
    operation.layout = layout.settings
    operation.input = input.settings
    return operation
  }
}
