package import Base
package import Checkpoints
package import Reporting

/// A lineage as a tree: the step that created a file, its inputs, and the steps that created them.
package struct LineageReport: Report {
  package static let schema = "sumac.lineage-report/1"

  package let checkpoint: Checkpoint

  package init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  private var lineage: Lineage { checkpoint.lineage }

  package var sections: [Section] {
    var lines = [
      "\(FileSystem.baseName(of: checkpoint.path).printable)  "
        + "\(ByteSize(checkpoint.identity.byteCount))  sha256:\(checkpoint.identity.hash.prefix(16))"
    ]
    if lineage.steps.isEmpty {
      lines.append("└─ unknown origin: the file contains no lineage")
    } else {
      var shown: Set<Int> = []
      add(step: lineage.steps.count - 1, indent: "", to: &lines, shown: &shown)
    }
    if lineage.droppedStepCount > 0 {
      lines.append("\(lineage.droppedStepCount) older steps were left out")
    }
    return [.line(lines.joined(separator: "\n"))]
  }

  /// Adds the lines of a step and of the steps before it; steps that several inputs share are shown once.
  private func add(
    step index: Int, indent: String, to lines: inout [String], shown: inout Set<Int>
  ) {
    let step = lineage.steps[index]
    let options = step.options.map { " --\($0.name.printable) \($0.value.printable)" }.joined()
    guard shown.insert(index).inserted else {
      lines.append("\(indent)└─ \(step.verb.printable)\(options), as above")
      return
    }
    let versions = step.versions.map { "\($0.name.printable) \($0.value.printable)" }
    lines.append(
      "\(indent)└─ \(step.verb.printable)\(options)  (\(versions.joined(separator: ", ")))")
    if let loss = step.loss { lines.append("\(indent)   \(loss.summary)") }
    for (number, input) in step.inputs.enumerated() {
      let isLast = number == step.inputs.count - 1
      lines.append(
        "\(indent)   \(isLast ? "└" : "├")─ \(input.name.printable)  \(ByteSize(input.byteCount))  "
          + input.id.prefix(23).description.printable)
      // A step refers only to earlier steps, so the recursion ends.
      if let origin = input.step {
        add(
          step: origin, indent: indent + (isLast ? "      " : "   │  "), to: &lines, shown: &shown)
      }
    }
  }

  package var records: Table {
    Table(
      ["step", "verb", "inputs"].map { Table.Column($0) },
      rows: lineage.steps.enumerated().map { index, step in
        [String(index), step.verb, step.inputs.map(\.name).joined(separator: " ")]
      })
  }

  package var members: JSONObject {
    [
      "path": .string(checkpoint.path), "id": .string("sha256:" + checkpoint.identity.hash),
      "lineage": lineage.document,
    ]
  }

  package var lines: [JSONValue] { lineage.steps.map { .object($0.json) } }
}
