import ArgumentParser

struct Cache: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Pack, unpack, inspect and convert key-value caches.",
    discussion: """
      Examples:
        sumac cache pack prompt.safetensors -o prompt.sumac
        sumac cache unpack prompt.sumac -o prompt.safetensors
        sumac cache inspect prompt.sumac --against prompt.safetensors
      """,
    subcommands: [
      CachePack.self, CacheUnpack.self, CacheAppend.self, CacheInspect.self, CacheConvert.self,
    ])
}
