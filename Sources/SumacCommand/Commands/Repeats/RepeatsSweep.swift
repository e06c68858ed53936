import ArgumentParser
import Operations

struct RepeatsSweep: Verb {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Train a family of models on repeated data, and compare them.",
    discussion: """
      SWEEP is YAML: data, sizes, the tokens of each training, the shares of them that repeat a subset, the \
      numbers of repeats, seeds, and a training as for train run. Each combination is trained in a folder of \
      its own, and has a control without repeats. The same command continues after it was ended, and trains \
      only what has no result. The tables sweep.csv and sweep.json and the plot sweep.svg are in the output \
      folder.

      Examples:
        sumac repeats sweep sweep.yaml -o family --dry-run
        sumac repeats sweep sweep.yaml -o family
        sumac plan repeats sweep sweep.yaml --into family -o plan.json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var products: KernelFlags
  @OptionGroup(title: "Output") var flags: RunFlags

  @Argument(
    help: "Settings of the sweep, in YAML or JSON.",
    completion: .file(extensions: ["yaml", "json"])
  )
  var sweep: String

  func run(_ invocation: Invocation) throws {
    var operation = RepeatsSweepOperation(recipe: sweep, output: flags.output)
    operation.kernels = products.kernels
    try invocation.run(flags, operation)
  }
}
