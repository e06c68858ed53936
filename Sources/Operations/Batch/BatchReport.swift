package import Base
import Checkpoints
package import Reporting

/// The results of a batch: a row for each model.
package struct BatchReport: Report {
  package static let schema = "sumac.batch/1"

  package let command: String
  package let folder: String
  package let results: [BatchResult]
  package let seconds: Double

  /// `done`, or `partOfBatchFailed` if a model failed or was not started.
  package var status: ExitStatus {
    results.allSatisfy { [.done, .skipped, .recovered].contains($0.state) }
      ? .done : .partOfBatchFailed
  }

  private func count(_ state: BatchResult.State) -> Int { results.count { $0.state == state } }

  /// The sizes of the inputs and outputs of the models that are complete.
  private var byteCounts: (input: Int, output: Int) {
    results.reduce((0, 0)) { sums, result in
      guard let input = result.inputByteCount, let output = result.outputByteCount else {
        return sums
      }
      return (sums.0 + input, sums.1 + output)
    }
  }

  package var sections: [Section] {
    let counts: [(BatchResult.State, String)] = [
      (.done, "done"), (.recovered, "recovered"), (.skipped, "skipped"), (.failed, "failed"),
      (.notRun, "not run"),
    ]
    let total = counts.filter { count($0.0) > 0 }.map { "\(count($0.0).grouped) \($0.1)" }
    let sizes = byteCounts
    return [
      .table(table),
      .facts([
        Section.Fact("models", total.joined(separator: ", ")),
        Section.Fact(
          "size",
          "\(ByteSize(sizes.input)) to \(ByteSize(sizes.output))"
            + (Self.ratio(sizes.input, sizes.output).map { " (\($0))" } ?? "")),
        Section.Fact("time", Self.time(seconds)),
      ]),
    ]
  }

  private static func ratio(_ input: Int?, _ output: Int?) -> String? {
    guard let input, let output, input > 0 else { return nil }
    return "\((100 * Double(output) / Double(input)).fixed(decimals: 1)) %"
  }

  private static func time(_ seconds: Double) -> String {
    "\(seconds.fixed(decimals: seconds < 10 ? 2 : 0)) s"
  }

  /// True if a model was evaluated, so that the report has the divergences.
  private var hasDivergences: Bool { results.contains { $0.divergence != nil } }

  private var table: Table {
    var columns = [
      Table.Column("model"), Table.Column("output"), Table.Column("result"),
      Table.Column("from", alignsRight: true), Table.Column("to", alignsRight: true),
      Table.Column("ratio", alignsRight: true), Table.Column("error", alignsRight: true),
    ]
    if hasDivergences { columns.append(Table.Column("divergence", alignsRight: true)) }
    columns.append(Table.Column("time", alignsRight: true))
    return Table(
      columns,
      rows: results.map { result in
        var row: [String] = [
          result.input.printable, FileSystem.baseName(of: result.output).printable,
          result.error.map { "\(result.state.rawValue): \($0.facts.code)" }
            ?? result.state.rawValue,
          result.inputByteCount.map { ByteSize($0).description } ?? "",
          result.outputByteCount.map { ByteSize($0).description } ?? "",
          Self.ratio(result.inputByteCount, result.outputByteCount) ?? "",
          result.relativeError.map(ModelLoss.percent) ?? "",
        ]
        if hasDivergences { row.append(result.divergence?.short ?? "") }
        row.append(result.seconds.map(Self.time) ?? "")
        return row
      })
  }

  package var records: Table {
    var columns = [
      "model", "output", "result", "input_bytes", "output_bytes", "relative_error", "seconds",
      "error_code", "error",
    ]
    if hasDivergences { columns.append("divergence") }
    return Table(
      columns.map { Table.Column($0) },
      rows: results.map { result in
        var row: [String] = [
          result.input, result.output, result.state.rawValue,
          result.inputByteCount.map(String.init) ?? "",
          result.outputByteCount.map(String.init) ?? "",
          result.relativeError?.description ?? "",
          result.seconds.map { $0.fixed(decimals: 6) } ?? "",
          result.error?.facts.code ?? "", result.error?.message.text(.commandLine) ?? "",
        ]
        if hasDivergences { row.append(result.divergence?.description ?? "") }
        return row
      })
  }

  package var members: JSONObject {
    let sizes = byteCounts
    return [
      "command": .string(command), "folder": .string(folder),
      "done": JSONValue(count(.done)), "recovered": JSONValue(count(.recovered)),
      "skipped": JSONValue(count(.skipped)), "failed": JSONValue(count(.failed)),
      "not_run": JSONValue(count(.notRun)), "input_bytes": JSONValue(sizes.input),
      "output_bytes": JSONValue(sizes.output), "seconds": JSONValue(seconds),
      "models": .array(lines),
    ]
  }

  package var lines: [JSONValue] {
    results.map { result in
      var line: JSONObject = [
        "model": .string(result.input), "output": .string(result.output),
        "result": .string(result.state.rawValue),
        "input_bytes": result.inputByteCount.map { JSONValue($0) } ?? .null,
        "output_bytes": result.outputByteCount.map { JSONValue($0) } ?? .null,
        "relative_error": result.relativeError.map { JSONValue($0) } ?? .null,
        "seconds": result.seconds.map { JSONValue($0) } ?? .null,
        "error": result.error.map { .object(FailureReport($0).members) } ?? .null,
      ]
      if let divergence = result.divergence { line["divergence"] = JSONValue(divergence) }
      return .object(line)
    }
  }
}
