import ArgumentParser

struct Repeats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repeats",
    abstract: "Find repeated training data, and predict where they hurt.",
    discussion: """
      A small part of the training data that is seen many times makes a model worse than it would be \
      without it.

      Examples:
        sumac repeats scan corpus.jsonl
        sumac repeats scan tokens.u16 --json -o histogram.json
        sumac repeats predict --histogram histogram.json --parameters 800e6 --tokens 100e9
      """, subcommands: [RepeatsScan.self, RepeatsPredict.self])
}
