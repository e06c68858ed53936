package import Base
import Checkpoints
package import Models
package import Reporting
import Surveys
package import TensorCore

/// The report of `prune`: the PQ Index before and after, the weights kept of each tensor, and the bytes.
package struct PruningReport: Report {
  package static let schema = "sumac.prune/1"

  /// The sizes of the input and the output, in bytes.
  package struct Bytes: Sendable {
    package var input: Int
    package var output: Int
    /// The estimated size of the output as `.sumac`, if it has another format.
    package var packed: Int?

    package init(input: Int, output: Int, packed: Int? = nil) {
      self.input = input
      self.output = output
      self.packed = packed
    }
  }

  let outcome: PruningOutcome
  let exponents: PQIndex
  private let options: [Lineage.Option]
  private let losses: [UTF8Key: ValueLoss]
  private let bytes: Bytes
  private let outOfScope: OutOfScope
  /// The comparison of what the output predicts with what the input does; nil unless it was asked for.
  package var evaluation: JSONObject?

  /// - Parameter losses: The difference that pruning made to each tensor in scope, by name.
  package init(
    _ outcome: PruningOutcome, _ pruning: Pruning, losses: [UTF8Key: ValueLoss],
    outOfScope: OutOfScope, bytes: Bytes
  ) {
    self.outcome = outcome
    self.losses = losses
    self.outOfScope = outOfScope
    self.bytes = bytes
    exponents = pruning.exponents
    options = pruning.options
  }

  private static func percent(_ share: Double) -> String {
    "\((100 * share).fixed(decimals: 2)) %"
  }

  private static func share(_ tally: WeightTally, of count: Int) -> Double {
    count == 0 ? 1 : Double(tally.count) / Double(count)
  }

  /// Returns the share of the weights that the paper's theorem keeps over all iterations; nil for other
  /// methods.
  private static func bound(_ groups: [[SAP.Decision]]) -> Double? {
    guard groups.contains(where: { !$0.isEmpty }) else { return nil }
    var (kept, count) = (0.0, 0.0)
    for decisions in groups {
      guard let first = decisions.first else { continue }
      let share = decisions.reduce(1.0) { $0 * Double($1.bound) / Double(max(1, $1.count)) }
      kept += share * Double(first.count)
      count += Double(first.count)
    }
    return count > 0 ? kept / count : nil
  }

  private func bound(_ tensor: PruningOutcome.Tensor) -> Double? { Self.bound(tensor.decisions) }
  private var totalBound: Double? {
    outcome.decisions.isEmpty
      ? Self.bound(outcome.tensors.flatMap(\.decisions)) : Self.bound([outcome.decisions])
  }

  /// The number of values in scope.
  private var valueCount: Int {
    outcome.readings.reduce(0) { $0 + $1.tensor.info.elementCount }
  }

  private func loss(_ reading: MaskedReading) -> ValueLoss? {
    losses[UTF8Key(reading.tensor.name)]
  }

  /// The loss of all tensors in scope; nil unless it is known for each.
  var totalLoss: ValueLoss? {
    var total = ValueLoss()
    for reading in outcome.readings {
      guard let loss = loss(reading) else { return nil }
      total.add(loss)
    }
    return total
  }

  // MARK: Text

  package var sections: [Section] {
    let (before, after) = outcome.total
    var facts = [
      Section.Fact("pruned", options.map { "\($0.name) \($0.value)" }.joined(separator: ", ")),
      Section.Fact(
        "kept",
        "\(after.count.grouped) of \(valueCount.grouped) weights in "
          + "\(outcome.tensors.count.counted("tensor")), "
          + Self.percent(Self.share(after, of: valueCount))),
      Section.Fact(
        "PQ Index",
        "\(before.index(exponents).fixed(decimals: 4)) before, "
          + "\(after.index(exponents).fixed(decimals: 4)) after"),
    ]
    if let summary = outOfScope.summary {
      facts.append(Section.Fact("out of scope", summary))
    }
    if let totalLoss {
      facts.append(
        Section.Fact(
          "lost",
          "\(ModelLoss.percent(totalLoss.energy)) of the energy (the sum of squares), "
            + "a relative error of \(ModelLoss.percent(totalLoss.relative))"))
    }
    if let totalBound {
      facts.append(
        Section.Fact(
          "bound", "the theorem keeps at least \(Self.percent(totalBound)) at this eta"))
    }
    facts.append(
      Section.Fact("bytes", "\(bytes.input.grouped) before, \(bytes.output.grouped) after"))
    if let packed = bytes.packed {
      facts.append(
        Section.Fact(
          "as .sumac", "about \(ByteSize(packed)); zeros do not save space in the output format"))
    }
    return [.table(table), .facts(facts)]
  }

  private var table: Table {
    Table(
      ["tensor", "weights", "kept", "share", "PQI before", "after", "bound"].enumerated().map {
        Table.Column($1, alignsRight: $0 > 0)
      },
      rows: zip(outcome.readings, outcome.tensors).map { reading, tensor in
        let count = reading.tensor.info.elementCount
        return [
          reading.tensor.name.printable, count.grouped, tensor.after.count.grouped,
          Self.percent(Self.share(tensor.after, of: count)),
          tensor.before.index(exponents).fixed(decimals: 4),
          tensor.after.index(exponents).fixed(decimals: 4),
          bound(tensor).map(Self.percent) ?? "-",
        ]
      })
  }

  // MARK: Data

  package var members: JSONObject {
    let (before, after) = outcome.total
    var members: JSONObject = [
      "options": .array(
        options.map { .object(["name": .string($0.name), "value": .string($0.value)]) }),
      "p": JSONValue(exponents.p), "q": JSONValue(exponents.q),
      "weights": JSONValue(valueCount), "kept": JSONValue(after.count),
      "out_of_scope": .object(
        JSONObject(outOfScope.counts.map { ($0.name, JSONValue($0.valueCount)) })),
      "pqi_before": JSONValue(before.index(exponents)),
      "pqi_after": JSONValue(after.index(exponents)),
      "bound": totalBound.map { JSONValue($0) } ?? .null,
      "energy_lost": totalLoss.map { JSONValue($0.energy) } ?? .null,
      "relative_error": totalLoss.map { JSONValue($0.relative) } ?? .null,
      "input_bytes": JSONValue(bytes.input), "output_bytes": JSONValue(bytes.output),
      "sumac_bytes": bytes.packed.map { JSONValue($0) } ?? .null,
      "iterations": .array(outcome.decisions.map(\.json)),
      "tensors": .array(lines),
    ]
    if let evaluation { members["evaluation"] = .object(evaluation) }
    return members
  }

  package var lines: [JSONValue] {
    zip(outcome.readings, outcome.tensors).map { reading, tensor in
      .object([
        "name": .string(reading.tensor.name),
        "shape": .array(reading.tensor.info.shape.dimensions.map { JSONValue($0) }),
        "weights": JSONValue(reading.tensor.info.elementCount),
        "unpruned_before": JSONValue(tensor.before.count), "kept": JSONValue(tensor.after.count),
        "pqi_before": JSONValue(tensor.before.index(exponents)),
        "pqi_after": JSONValue(tensor.after.index(exponents)),
        "bound": bound(tensor).map { JSONValue($0) } ?? .null,
        "energy_lost": loss(reading).map { JSONValue($0.energy) } ?? .null,
        "groups": .array(tensor.decisions.map { .array($0.map(\.json)) }),
      ])
    }
  }

  package var records: Table {
    let columns = [
      "name", "weights", "unpruned_before", "kept", "pqi_before", "pqi_after", "bound",
      "energy_lost",
    ]
    return Table(
      columns.map { Table.Column($0) },
      rows: zip(outcome.readings, outcome.tensors).map { reading, tensor in
        [
          reading.tensor.name, String(reading.tensor.info.elementCount),
          String(tensor.before.count), String(tensor.after.count),
          String(tensor.before.index(exponents)), String(tensor.after.index(exponents)),
          bound(tensor).map { String($0) } ?? "",
          loss(reading).map { String($0.energy) } ?? "",
        ]
      })
  }
}
