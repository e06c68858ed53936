import ArgumentParser
import Operations

struct Explain: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show the origin of a file, or explain a topic or an error code.",
    discussion: """
      For a file or model folder, shows its lineage as a tree: each step that produced it, with the \
      options that shaped the result and the ids of its inputs. With --replay, prints the commands that \
      rebuild the file, for a shell. For FILE:TENSOR, shows how that tensor \
      is stored: each of its terms with bytes, bits per weight and the error that remains after it. \
      For the code of an error, such as directory.index, shows its meaning and remedy. \
      Otherwise SUBJECT is a topic: one of \
      \(Topic.allCases.map(\.rawValue).joined(separator: ", ")), or the name of a method, storage \
      type, codec, container, cache layout or engine, such as pqi, ties, clex, gear, int4, planes or \
      safetensors. Without SUBJECT, lists all topics.

      Examples:
        sumac explain model.sumac
        sumac explain --replay model.sumac
        sumac explain model.sumac:lm_head.weight
        sumac explain exit-codes
        sumac explain pqi
        sumac explain safetensors.byte-count
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Flag(help: "Print the commands that rebuild the file, with the ids of its inputs.")
  var replay = false

  @Argument(
    help: ArgumentHelp(
      "A file, model folder, FILE:TENSOR, topic, or error code. (default: the list of topics)",
      valueName: "subject"),
    completion: .custom { _, _, start in Completions.subjects(start: start) })
  var subject: String?

  var inputPaths: [String] { [subject].compactMap(\.self) }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = ExplainOperation(subject: subject)
    operation.replays = replay
    return operation
  }
}
