package import Base
package import Checkpoints
package import Reporting

/// A lineage as a tree: the step that created a file, its inputs, and the steps that created them.
package struct LineageReport: Report {
  package static let schema = "sumac.lineage-report/1"

  package let checkpoint: Checkpoint

  package init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  private var lineage: Lineage { checkpoint.lineage }

  /// The number of steps that follow each other on the way from the file to an input, up to which the tree goes back.
  ///
  /// Each step back is indented further, so that the text grows with the square of the number of steps.
  package static let depthLimit = 32
  /// The maximum number of steps and inputs in the tree.
  package static let lineLimit = 2_000
  /// The maximum number of bytes of an option of a step that is shown again, and of the options before it.
  private static let repeatedOptionsLimit = 60

  package var sections: [Section] {
    var lines = [
      "\(FileSystem.baseName(of: checkpoint.path).printable)  "
        + "\(ByteSize(checkpoint.identity.byteCount))  \(Self.short(checkpoint.identity.id))"
    ]
    if lineage.steps.isEmpty {
      lines.append("└─ unknown origin: the file contains no lineage")
    } else {
      var shown: Set<Int> = []
      add(step: lineage.steps.count - 1, depth: 0, indent: "", to: &lines, shown: &shown)
      if shown.count < lineage.steps.count {
        lines.append(
          "\((lineage.steps.count - shown.count).counted("earlier step")) not shown; "
            + "the JSON form lists all of them")
      }
    }
    if lineage.droppedStepCount > 0 {
      lines.append("\(lineage.droppedStepCount) older steps were left out")
    }
    return [.line(lines.joined(separator: "\n"))]
  }

  /// Returns the name of what an id covers and its first 16 digits.
  private static func short(_ id: String) -> String {
    guard let colon = id.firstIndex(of: ":") else { return String(id.prefix(24)) }
    return id[...colon] + String(id[id.index(after: colon)...].prefix(16))
  }

  /// Adds the lines of a step and of the steps before it; steps that several inputs share are shown once.
  private func add(
    step index: Int, depth: Int, indent: String, to lines: inout [String],
    shown: inout Set<Int>
  ) {
    let step = lineage.steps[index]
    guard depth < Self.depthLimit, lines.count < Self.lineLimit else {
      if !shown.contains(index) { lines.append("\(indent)└─ …") }
      return
    }
    guard shown.insert(index).inserted else {
      lines.append("\(indent)└─ \(step.verb.printable)\(Self.beginning(of: step)), as above")
      return
    }
    let options = step.options.filter { !Self.isLong($0) }.map(Self.text).joined()
    let versions = step.versions.map { "\($0.name.printable) \($0.value.printable)" }
    lines.append(
      "\(indent)└─ \(step.verb.printable)\(options)  (\(versions.joined(separator: ", ")))")
    for option in step.options where Self.isLong(option) {
      lines.append("\(indent)   \(option.name.printable): \(LongOption(option).text)")
    }
    if let loss = step.loss { lines.append("\(indent)   \(loss.summary)") }
    for (number, input) in step.inputs.enumerated() {
      guard lines.count < Self.lineLimit else {
        lines.append("\(indent)   └─ … \((step.inputs.count - number).counted("more input"))")
        return
      }
      let isLast = number == step.inputs.count - 1
      lines.append(
        "\(indent)   \(isLast ? "└" : "├")─ \(input.name.printable)  \(ByteSize(input.byteCount))  "
          + Self.short(input.id).printable)
      // A step refers only to earlier steps, and the depth is limited.
      if let origin = input.step {
        add(
          step: origin, depth: depth + 1, indent: indent + (isLast ? "      " : "   │  "),
          to: &lines, shown: &shown)
      }
    }
  }

  private static func text(_ option: Lineage.Option) -> String {
    " " + option.words.map(\.shellWord).joined(separator: " ")
  }

  /// True for an option that has a line of its own: a document, a list of names, or another long text.
  private static func isLong(_ option: Lineage.Option) -> Bool {
    option.name.utf8.count + option.value.utf8.count > repeatedOptionsLimit
      || option.name == Lineage.Option.namesName || option.value.hasPrefix("{")
  }

  /// Returns the options of a step, cut if they are long.
  private static func beginning(of step: Lineage.Step) -> String {
    var options = ""
    for option in step.options {
      guard !isLong(option), options.utf8.count <= repeatedOptionsLimit
      else { return options + " …" }
      options += text(option)
    }
    return options
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
      "path": .string(checkpoint.path), "id": .string(checkpoint.identity.id),
      "lineage": lineage.document,
    ]
  }

  package var lines: [JSONValue] { lineage.steps.map { .object($0.json) } }
}
