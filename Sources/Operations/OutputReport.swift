package import Base
package import Checkpoints
package import Evaluation
package import Reporting

/// The result of an operation that wrote an output.
package struct OutputReport: Report {
  package static let schema = "sumac.output/1"

  /// The name of the operation.
  package var verb: String
  /// The path of the output; nil for standard output.
  package var path: String?
  /// The name of the container or cache layout; nil for other files.
  package var format: String?
  package var tensorCount = 0
  /// The number of files that are not weights, or that were not read as weights.
  package var fileCount = 0
  /// The size of the output; nil for standard output.
  package var byteCount: Int?
  package var inputPaths: [String] = []
  package var inputByteCount: Int?
  /// The ids of the inputs, which the JSON document leaves out.
  package var inputIDs: [String] = []
  /// The loss of the output in relation to the input; nil if there is none.
  package var loss: ModelLoss?
  /// The comparison of what the output predicts with what an input does; nil unless it was asked for.
  package var evaluation: EvaluationReport?
  /// The warnings that were reported.
  package var warnings: [Message] = []

  package init(verb: String, path: String?) {
    self.verb = verb
    self.path = path
  }

  private var name: String { path ?? "standard output" }

  package var sections: [Section] {
    var facts = [
      Section.Fact("output", name + (format.map { " (\($0))" } ?? "")),
      tensorCount == 0 && fileCount > 0
        ? Section.Fact("files", fileCount.grouped) : Section.Fact("tensors", tensorCount.grouped),
    ]
    if let byteCount {
      facts.append(
        Section.Fact("size", "\(ByteSize(byteCount)) (\(byteCount.counted("byte")))"))
    }
    return [.facts(facts)]
  }

  package var records: Table {
    Table(
      ["verb", "path", "container", "tensor_count", "bytes", "input_bytes"].map {
        Table.Column($0)
      },
      rows: [
        [
          verb, name, format ?? "", String(tensorCount), byteCount.map(String.init) ?? "",
          inputByteCount.map(String.init) ?? "",
        ]
      ])
  }

  package var members: JSONObject {
    var members: JSONObject = [
      "verb": .string(verb), "path": path.map { .string($0) } ?? .null,
      "container": format.map { .string($0) } ?? .null, "tensor_count": JSONValue(tensorCount),
      "bytes": byteCount.map { JSONValue($0) } ?? .null,
      "inputs": .array(inputPaths.map { .string($0) }),
      "input_bytes": inputByteCount.map { JSONValue($0) } ?? .null,
      "loss": loss.map { .object($0.json) } ?? .null,
      "warnings": .array(warnings.map { .string($0.text(.commandLine)) }),
    ]
    if let evaluation { members["evaluation"] = .object(evaluation.members) }
    return members
  }

  package var lines: [JSONValue] { [document] }
}
