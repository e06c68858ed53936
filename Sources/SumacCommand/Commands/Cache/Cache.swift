import ArgumentParser

struct Cache: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Make, pack, unpack, inspect, convert and judge key-value caches.",
    discussion: """
      Examples:
        sumac cache make model/ --data prompt.txt --length 128 -o prompt.safetensors
        sumac cache pack prompt.safetensors -o prompt.sumac
        sumac cache unpack prompt.sumac -o prompt.safetensors
        sumac cache inspect prompt.sumac --against prompt.safetensors
        sumac cache eval prompt.sumac --against prompt.safetensors --model model/ --data prompt.txt
      """,
    subcommands: [
      CacheMake.self, CachePack.self, CacheUnpack.self, CacheAppend.self, CacheInspect.self,
      CacheEval.self, CacheConvert.self,
    ])
}
