import ArgumentParser
import Base
import Caches
import Checkpoints
import TensorCore

struct CacheUnpack: ParsableCommand, HasGlobalOptions {
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

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let cache = try input.read([packed], global: global)
    try CacheConversion(global: global, writer: writer, layout: layout, verb: "cache unpack")
      .run(cache, hints: try input.hints())
  }
}
