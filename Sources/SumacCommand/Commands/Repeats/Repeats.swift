import ArgumentParser

struct Repeats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repeats",
    abstract: "Measure what repeated training data do to a model.",
    discussion: """
      Data that are repeated many times take a part of a model for memorizing them, and harm copying \
      and induction heads first.

      Examples:
        sumac repeats heads model/
        sumac repeats probe model/ --json
        sumac repeats compare once/ repeated/
        sumac repeats fit losses.csv
      """,
    subcommands: [
      RepeatsHeads.self, RepeatsProbe.self, RepeatsCompare.self, RepeatsFit.self,
    ])
}
