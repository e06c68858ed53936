import ArgumentParser

struct Cache: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Key and value caches: pack them small, unpack, inspect, convert between layouts.",
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
