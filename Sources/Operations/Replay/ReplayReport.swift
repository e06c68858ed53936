package import Base
import Checkpoints
package import Reporting

extension Replay: Report {
  package static let schema = "sumac.replay/1"

  /// The commands as text that a shell can run; everything else is a comment.
  package var sections: [Section] {
    var lines = [
      "# \(FileSystem.baseName(of: checkpoint.path).printable), "
        + "\(ByteSize(checkpoint.identity.byteCount)), \(checkpoint.identity.id)"
    ]
    guard !steps.isEmpty else {
      return [
        .line(
          (lines + ["# The file has no lineage: it cannot be rebuilt."]).joined(separator: "\n"))
      ]
    }
    if checkpoint.lineage.droppedStepCount > 0 {
      lines.append(
        "# The \(checkpoint.lineage.droppedStepCount.counted("oldest step")) left out of the lineage, so the "
          + "inputs below are not the first ones.")
    }
    lines.append("# Put these inputs into an empty folder, and run the commands there:")
    lines += inputs.map { input in
      let origin = input.step.map { ", of step \($0 + 1), which cannot be replayed" } ?? ""
      return "#   \(input.path.shellWord.withoutControls)  \(ByteSize(input.byteCount))  "
        + "\(input.id.printable)\(origin)"
    }
    for (index, step) in steps.enumerated() { lines += text(of: step, index) }
    return [.line(lines.joined(separator: "\n"))]
  }

  private func text(of step: Step, _ index: Int) -> [String] {
    let versions = step.versions.map { "\($0.name.printable) \($0.value.printable)" }
    var lines = [
      "",
      "# Step \(index + 1) of \(steps.count): \(step.verb.printable), made by "
        + versions.joined(separator: ", "),
    ]
    if step.versions != Version.shapingOutput, step.gap == nil {
      let current = Version.shapingOutput.map { "\($0.name) \($0.value)" }
      lines.append("# This is \(current.joined(separator: ", ")); the bytes may differ.")
    }
    if step.isInner {
      lines.append("# A later step computes this itself.")
    } else if let gap = step.gap {
      lines.append("# Cannot be replayed: \(gap).")
    }
    if step.mayCompress, !step.commands.isEmpty {
      lines.append(
        "# If the id differs, add --compress fast: the lineage does not record whether it was given."
      )
    }
    for command in step.commands {
      for folder in command.folders { lines.append("mkdir -p \(folder.shellWord)") }
      for file in command.files {
        let words = file.lines.map(\.shellWord).joined(separator: " ")
        lines.append("printf '%s\\n' \(words) > \(file.path.shellWord)")
      }
      lines.append("sumac " + command.words.map(\.shellWord).joined(separator: " "))
      lines.append(
        "#   \(command.path.printable)  \(command.byteCount.map { ByteSize($0).description } ?? "")  "
          + command.id.printable)
    }
    return lines
  }

  package var records: Table {
    Table(
      ["step", "verb", "command", "output", "output_id", "gap"].map { Table.Column($0) },
      rows: steps.enumerated().flatMap { index, step in
        let start = [String(index), step.verb]
        guard !step.commands.isEmpty else { return [start + ["", "", "", step.gap ?? ""]] }
        return step.commands.map { command in
          start
            + [
              (["sumac"] + command.words).map(\.shellWord).joined(separator: " "), command.path,
              command.id, "",
            ]
        }
      })
  }

  package var members: JSONObject {
    [
      "path": .string(checkpoint.path), "id": .string(checkpoint.identity.id),
      "complete": .bool(isComplete), "dropped": JSONValue(checkpoint.lineage.droppedStepCount),
      "inputs": .array(
        inputs.map { input in
          .object([
            "path": .string(input.path), "id": .string(input.id),
            "bytes": JSONValue(input.byteCount),
            "step": input.step.map { JSONValue($0) } ?? .null,
          ])
        }),
      "steps": .array(lines),
    ]
  }

  package var lines: [JSONValue] {
    steps.map { step in
      .object([
        "verb": .string(step.verb), "inner": .bool(step.isInner),
        "gap": step.gap.map { .string($0) } ?? .null,
        "commands": .array(step.commands.map { .object($0.json) }),
      ])
    }
  }
}

extension Replay.Command {
  /// The folders that the paths of the command need.
  fileprivate var folders: [String] {
    guard let slash = path.lastIndex(of: "/"), !path.hasPrefix("./") else { return [] }
    return [String(path[..<slash])]
  }

  fileprivate var json: JSONObject {
    [
      "words": .array((["sumac"] + words).map { .string($0) }), "output": .string(path),
      "output_id": .string(id), "output_bytes": byteCount.map { JSONValue($0) } ?? .null,
      "files": .array(
        files.map { file in
          .object([
            "path": .string(file.path),
            "text": .string(file.lines.map { $0 + "\n" }.joined()),
          ])
        }),
    ]
  }
}
