import ArgumentParser
import Operations

struct Explain: ReportVerb {
  static let configuration = CommandConfiguration(
    abstract: "Tell where a file came from, or what a topic means.",
    discussion: """
      Given a file or model folder, shows its lineage as a tree: each step that led to it, with the \
      options that shaped the result and the ids of its inputs. Given FILE:TENSOR, shows how that \
      tensor is stored: each of its terms with bytes, bits per weight and the error that is left \
      after it. Given a topic, explains it: \
      \(Topic.allCases.map(\.rawValue).joined(separator: ", ")).

      Examples:
        sumac explain model.sumac
        sumac explain model.sumac:lm_head.weight
        sumac explain exit-codes
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Argument(
    help: ArgumentHelp(
      "A file, a model folder, FILE:TENSOR, or a topic.", valueName: "subject"),
    completion: .file())
  var subject: String

  func operation() -> any Operation { ExplainOperation(subject: subject) }
}
