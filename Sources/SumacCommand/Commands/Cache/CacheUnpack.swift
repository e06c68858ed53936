import ArgumentParser
import Caches
import Checkpoints
import TensorCore

struct CacheUnpack: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "unpack",
    abstract: "Write a packed cache in full.",
    discussion: """
      Examples:
        sumac cache unpack prompt.sumac -o prompt.safetensors
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(help: "A packed cache.", completion: .file())
  var packed: String

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let cache = try CacheLayouts.read([packed], CacheHints())
    var output = cache.checkpoint
    output.metadata.removeAll { $0.key == CacheDetails.metadataKey }
    try OutputCommand(global: global, writer: writer).run(
      verb: "cache unpack", options: [], inputs: [cache.origin], output: output, errors: [],
      carried: [])
  }
}
