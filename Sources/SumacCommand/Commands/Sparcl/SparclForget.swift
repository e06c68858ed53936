import ArgumentParser
import Operations

struct SparclForget: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Count how often each example was forgotten.",
    discussion: """
      An example is forgotten when it is wrong after it was right. The input has a JSON object in each \
      line, in the order of time: {"example": 7, "right": true}.

      Examples:
        sumac sparcl forget sights.jsonl --never 50
        sumac sparcl forget sights.jsonl --never 50 --format jsonl -o counts.jsonl
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp(
      "Count of examples that were never right. (default: one more than the most sights of an example)",
      valueName: "n"))
  var never: Int?

  @Argument(help: "File of JSON lines with example and right.", completion: .file())
  var input: String

  var inputPaths: [String] { [input] }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = SparclForgetOperation(input: input)
    operation.neverRight = never
    return operation
  }
}

struct SparclDrop: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "drop",
    abstract: "Choose the examples that leave a training: those forgotten least often.",
    discussion: """
      Examples with equal counts leave in the order of their numbers.

      Examples:
        sumac sparcl drop counts.jsonl --count 750
        sumac sparcl drop counts.jsonl --count 750 --current left.txt --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(help: ArgumentHelp("Number of examples that leave.", valueName: "n"))
  var count: Int

  @Option(
    help: ArgumentHelp("Number of examples with the lowest counts that stay.", valueName: "n"))
  var spare = 0

  @Option(
    help: ArgumentHelp(
      "Examples that are left so far, a number in each line. (default: those with counts)",
      valueName: "file"), completion: .file())
  var current: String?

  @Argument(help: "Counts of forget as JSON lines.", completion: .file())
  var input: String

  var inputPaths: [String] { [input] + [current].compactMap(\.self) }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = SparclDropOperation(input: input, number: count)
    (operation.spared, operation.current) = (spare, current)
    return operation
  }
}
