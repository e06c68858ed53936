import ArgumentParser
import Operations

struct Batch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch",
    abstract: "Run a command on many models, and resume where it stopped.",
    discussion: """
      Checks the plans of all models before any work, then runs them side by side within one --memory \
      and one -j. A model that fails does not stop the others. A journal in the output folder lets the \
      same command skip what is done and unchanged, redo what changed, and go on after it was killed.

      A file of jobs describes several steps for each model, such as prune, convert, verify: \
      sumac batch JOBS.yaml.

      Examples:
        sumac batch convert models/* -o packed
        sumac batch convert models/ -o packed --type int4:g64 --dry-run
        sumac batch prune --from list.txt -o pruned --name '{parent}-{stem}.sumac'
        sumac batch verify packed/*.sumac -o reports --name '{stem}.html'
        sumac batch convert models/* -o packed --type int4:g64 --report packed/summary.html
        sumac batch jobs.yaml
      """,
    subcommands: [
      BatchOf<Convert>.self, BatchOf<Prune>.self, BatchVector.self, BatchRope.self,
      BatchCache.self, BatchOfList<Inspect>.self, BatchOfList<Verify>.self, BatchFile.self,
    ],
    defaultSubcommand: BatchFile.self)
}

struct BatchVector: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vector", abstract: "Run a command for task vectors on many of them.",
    subcommands: [
      BatchOf<VectorExtract>.self, BatchOfList<VectorApply>.self, BatchOf<VectorNegate>.self,
      BatchOf<VectorCompress>.self,
    ])
}

struct BatchRope: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rope", abstract: "Rescale the rotary frequencies of many models.",
    subcommands: [BatchOf<RopeScale>.self])
}

struct BatchCache: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Run a command for caches on many of them.",
    subcommands: [
      BatchOfList<CachePack>.self, BatchOf<CacheUnpack>.self, BatchOfList<CacheConvert>.self,
    ])
}
