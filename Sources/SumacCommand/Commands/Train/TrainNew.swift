import ArgumentParser
import Operations

struct TrainNew: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "new",
    abstract: "Write a new network with random weights.",
    discussion: """
      The network is a small classifier, given by its sizes, or any supported architecture, given by a \
      config.json. Each weight depends on the name of its tensor, the seed and its place.

      Examples:
        sumac train new --arch mlp:784,256,128,10 -o start.sumac
        sumac train new --arch convnet:1x28x28,32,64,128,10 -o start/
        sumac train new --arch resnet18:3x32x32,16,10 --seed 1 -o start.sumac
        sumac train new --arch config.json -o start/
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(
    help: ArgumentHelp(
      "mlp:INPUTS,WIDTH,…,CLASSES, convnet:CxHxW,WIDTH,…,CLASSES, resnet18:CxHxW,WIDTH,CLASSES, or a config.json.",
      valueName: "spec"), completion: .file())
  var arch: String

  @Option(help: ArgumentHelp("Seed of the random weights.", valueName: "n"))
  var seed: UInt64 = 0

  func operation(_ invocation: Invocation) -> TrainNewOperation {
    var operation = TrainNewOperation(architecture: arch, output: writer.settings)
    operation.seed = seed
    return operation
  }
}
