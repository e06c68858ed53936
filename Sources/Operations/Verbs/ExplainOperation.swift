import Base
import Inspection
package import Reporting

/// Shows where a file came from or what rebuilds it, how a tensor is stored, or what a topic or the code of an error means.
package struct ExplainOperation: Operation {
  package static let verb = "explain"

  /// A file, a model folder, FILE:TENSOR, a topic, or the code of an error; nil for the list of topics.
  package var subject: String?
  /// True if the commands that rebuild the file are shown, in place of its lineage.
  package var replays = false

  package init(subject: String?) { self.subject = subject }

  package func run(_ context: OperationContext) throws -> OperationResult {
    guard let subject else {
      if replays { throw UsageError("\(setting: "replay") needs a file") }
      return OperationResult(reports: [TopicList()])
    }
    return OperationResult(reports: [try report(on: subject, context)])
  }

  private func report(
    on subject: String, _ context: OperationContext
  ) throws -> any Report {
    // A file takes precedence over a topic of the same name.
    if subject != OperationContext.standardInputPath,
      try FileSystem.typeIfPresent(subject) == nil
    {
      if replays, try Self.tensor(subject) != nil || Self.topic(subject) != nil {
        throw UsageError(
          "\(setting: "replay") needs a file or model folder, but '\(subject.printable)' is neither"
        )
      }
      if let topic = Self.topic(subject) { return topic }
      if let (path, name) = try Self.tensor(subject) {
        return try TensorReport(context.read(path, for: .report), name: name)
      }
      if let code = ErrorCatalogue.nearest(to: subject) {
        throw UsageError(
          "'\(subject.printable)' is neither a file nor the code of an error",
          hint: "did you mean '\(code)'?")
      }
      guard subject.contains(where: { "./".contains($0) }) else { throw Self.unknown(subject) }
    }
    let checkpoint = try context.identified([context.read(subject, for: .report)])[0]
    if replays { return Replay(checkpoint) }
    return LineageReport(checkpoint)
  }

  /// Returns the report on a topic, an entry of a registry, or the code of an error; nil if it is none of them.
  package static func topic(_ name: String) -> (any Report)? {
    if let topic = Topic(named: name.lowercased()) { return topic }
    if let topic = RegistryTopic[name] { return topic }
    return ErrorCatalogue[name].map(ErrorReport.init)
  }

  private static func unknown(_ subject: String) -> UsageError {
    let near = Nearest.names(subject.lowercased(), of: topicNames).map { "'\($0)'" }
    let (last, others) = (near.last, near.dropLast().joined(separator: ", "))
    return UsageError(
      "'\(subject.printable)' is neither a file nor a topic",
      hint: last.map { "did you mean \(others.isEmpty ? "" : others + " or ")\($0)?" }
        ?? "to list the topics: \(command: "explain")")
  }

  /// The names of all topics, methods, types, codecs and formats, and the codes of errors.
  package static var topicNames: [String] { TopicList.names }

  /// Returns FILE and TENSOR of the subject, where FILE is the longest existing path before a colon.
  private static func tensor(_ subject: String) throws -> (path: String, name: String)? {
    for colon in subject.indices.reversed() where subject[colon] == ":" {
      let path = String(subject[..<colon])
      if !path.isEmpty, try FileSystem.typeIfPresent(path) != nil {
        return (path, String(subject[subject.index(after: colon)...]))
      }
    }
    return nil
  }
}
