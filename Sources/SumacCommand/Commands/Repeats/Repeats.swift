import ArgumentParser

struct Repeats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repeats",
    abstract: "Find repeated training data, predict where they hurt, and see it in a model.",
    discussion: """
      A small part of the training data that is seen many times makes a model worse than it would be \
      without it. Copying and induction heads suffer first.

      Examples:
        sumac repeats scan corpus.jsonl
        sumac repeats scan tokens.u16 --json -o histogram.json
        sumac repeats predict --histogram histogram.json --parameters 800e6 --tokens 100e9
        sumac repeats dedup corpus.jsonl --by near,paragraphs -o clean.jsonl
        sumac repeats mix tokens.u16 --length 1024 --share 50% --times 128 --tokens 1e9 -o mixed.u16
        sumac repeats heads model/
        sumac repeats probe model/ --json
        sumac repeats compare once/ repeated/
        sumac repeats fit losses.csv
        sumac repeats sweep sweep.yaml -o family
      """,
    subcommands: [
      RepeatsScan.self, RepeatsPredict.self, RepeatsDedup.self, RepeatsMix.self, RepeatsHeads.self,
      RepeatsProbe.self, RepeatsCompare.self, RepeatsFit.self, RepeatsSweep.self,
    ])
}
