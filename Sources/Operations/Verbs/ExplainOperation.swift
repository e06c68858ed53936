import Base
import Inspection
import Reporting

/// Shows where a file came from, how a tensor is stored, or what a topic or the code of an error means.
package struct ExplainOperation: Operation {
  package static let verb = "explain"

  /// A file, a model folder, FILE:TENSOR, a topic, or the code of an error.
  package var subject: String

  package init(subject: String) { self.subject = subject }

  package func run(_ context: OperationContext) throws -> OperationResult {
    OperationResult(reports: [try report(context)])
  }

  private func report(_ context: OperationContext) throws -> any Report {
    // A file takes precedence over a topic of the same name.
    if subject != OperationContext.standardInputPath,
      try FileSystem.typeIfPresent(subject) == nil
    {
      if let topic = Topic(rawValue: subject.lowercased()) { return topic }
      if let topic = MethodTopic[subject] { return topic }
      if let code = ErrorCatalogue[subject] { return ErrorReport(code) }
      if let (path, name) = try tensor() {
        return try TensorReport(context.read(path, for: .report), name: name)
      }
      if let code = ErrorCatalogue.nearest(to: subject) {
        throw UsageError(
          "'\(subject.printable)' is neither a file nor the code of an error",
          hint: "did you mean '\(code)'?")
      }
      guard subject.contains(where: { "./".contains($0) }) else {
        throw UsageError(
          "'\(subject.printable)' is neither a file nor a topic",
          hint: Nearest.name(subject.lowercased(), of: Self.topicNames).map {
            "did you mean '\($0)'?"
          }
            ?? "topics are \(Topic.allCases.map(\.rawValue).joined(separator: ", ")), and the names of methods and types"
        )
      }
    }
    return LineageReport(try context.identified([context.read(subject, for: .report)])[0])
  }

  /// The names of all topics, methods and types.
  package static var topicNames: [String] {
    Topic.allCases.map(\.rawValue) + MethodTopic.all.map(\.name)
  }

  /// Returns FILE and TENSOR of the subject, where FILE is the longest existing path before a colon.
  private func tensor() throws -> (path: String, name: String)? {
    for colon in subject.indices.reversed() where subject[colon] == ":" {
      let path = String(subject[..<colon])
      if !path.isEmpty, try FileSystem.typeIfPresent(path) != nil {
        return (path, String(subject[subject.index(after: colon)...]))
      }
    }
    return nil
  }
}
