import ArgumentParser
import Base
import Checkpoints
import Inspection

struct Explain: ParsableCommand, HasGlobalOptions {
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

  func run() throws {
    try report.check()
    // A file wins over a topic of the same name, since it can be seen and the topic cannot.
    if subject != "-", try FileSystem.typeIfPresent(subject) == nil {
      if let topic = Topic(rawValue: subject) { return try report.print(topic) }
      if let (path, name) = try tensor() {
        return try report.print(
          TensorReport(try Inputs.read(path, global: global), name: name))
      }
      guard subject.contains(where: { "./".contains($0) }) else {
        throw UsageError(
          "'\(subject.printable)' is neither a file nor a topic",
          hint: "topics are \(Topic.allCases.map(\.rawValue).joined(separator: ", "))")
      }
    }
    try report.print(LineageReport(try Inputs.read(subject, global: global)))
  }

  /// FILE and TENSOR of a subject: the file is the longest part before a colon that exists.
  private func tensor() throws -> (path: String, name: String)? {
    for place in subject.indices.reversed() where subject[place] == ":" {
      let path = String(subject[..<place])
      if !path.isEmpty, try FileSystem.typeIfPresent(path) != nil {
        return (path, String(subject[subject.index(after: place)...]))
      }
    }
    return nil
  }
}
