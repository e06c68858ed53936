import ArgumentParser

struct Sparcl: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sparcl",
    abstract: "Learn tasks one after another with sparse weights, gradients and data.",
    discussion: """
      train runs a whole training. The other commands make the masks, choices and counts of SparCL from \
      files, beside the training loop of any program.

      Examples:
        sumac sparcl train start.sumac --data train.npz --tasks 0,1/2,3 --sparsity 90% --epochs 50 -o run
      """,
    subcommands: [
      SparclTrain.self, SparclMask.self, SparclUpdate.self, SparclGradmask.self, SparclForget.self,
      SparclDrop.self, SparclBuffer.self, SparclFlops.self,
    ])
}
