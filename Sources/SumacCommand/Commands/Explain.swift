import ArgumentParser
import Checkpoints
import Inspection
import TensorCore

struct Explain: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    abstract: "Tell where a file came from, or what a topic means.",
    discussion: """
      Given a file or model folder, shows its lineage as a tree: each step that led to it, with the \
      options that shaped the result and the ids of its inputs. Given a topic, explains it: \
      \(Topic.allCases.map(\.rawValue).joined(separator: ", ")).

      Examples:
        sumac explain model.sumac
        sumac explain exit-codes
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Argument(
    help: ArgumentHelp("A file, a model folder, or a topic.", valueName: "subject"),
    completion: .file())
  var subject: String

  func run() throws {
    try report.check()
    // A file wins over a topic of the same name, since it can be seen and the topic cannot.
    if subject != "-", try FileSystem.typeIfPresent(subject) == nil {
      if let topic = Topic(rawValue: subject) { return try report.print(topic) }
      guard subject.contains(where: { "./".contains($0) }) else {
        throw UsageError(
          "'\(subject.printable)' is neither a file nor a topic",
          hint: "topics are \(Topic.allCases.map(\.rawValue).joined(separator: ", "))")
      }
    }
    try report.print(LineageReport(try Inputs.read(subject, global: global)))
  }
}
