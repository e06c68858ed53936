import ArgumentParser
import Operations

struct SparclBuffer: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "buffer",
    abstract: "Draw a sample of a stream of examples by reservoir sampling.",
    discussion: """
      The stream is a file whose tensors have a row for each example, such as examples, labels and logits. \
      The sample has the same tensors, the numbers of its examples as ids, and the number of examples \
      so far as seen. --old continues a sample with the next part of the stream.

      Examples:
        sumac sparcl buffer part1.safetensors --size 500 -o buffer1.safetensors
        sumac sparcl buffer part2.safetensors --size 500 --old buffer1.safetensors -o buffer2.safetensors
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(help: ArgumentHelp("Largest number of examples.", valueName: "n"))
  var size: Int

  @Option(
    help: ArgumentHelp("Sample of the stream before.", valueName: "file"), completion: .file())
  var old: String?

  @Option(help: ArgumentHelp("Seed of the random choices. (default: 0)", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "A draw for each example that finds the sample full, as FILE or FILE:TENSOR.",
      valueName: "file"), completion: .file())
  var draws: String?

  @Argument(help: "File with the stream.", completion: .file())
  var input: String

  func operation(_ invocation: Invocation) -> SparclBufferOperation {
    var operation = SparclBufferOperation(input: input, size: size, output: writer.settings)
    (operation.old, operation.seed, operation.draws) = (old, seed, draws)
    return operation
  }
}
