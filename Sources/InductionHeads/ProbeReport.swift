package import Base
package import Reporting

/// The measures of a model on repeated segments.
package struct ProbeReport: Report {
  package static let schema = "sumac.repeats-probe/1"

  private let model: String
  private let kernels: String
  private let probe: Probe

  package init(model: String, kernels: String, _ probe: Probe) {
    self.model = model
    self.kernels = kernels
    self.probe = probe
  }

  private var table: HeadTable { HeadTable(grid: probe.grid, columns: probe.columns) }

  package var sections: [Section] {
    let copies = Table(
      [Table.Column("copy", alignsRight: true), Table.Column("loss", alignsRight: true)],
      rows: probe.lossByCopy.enumerated().map { ["\($0 + 1)", $1.fixed(decimals: 4)] })
    return [
      table.section, .table(copies),
      .facts([
        Section.Fact("model", model.printable),
        Section.Fact(
          "sequences",
          "\(probe.sequenceCount.grouped), a segment of \(probe.segmentLength.counted("token")) twice"
        ),
        Section.Fact("loss, first segment", probe.firstLoss.fixed(decimals: 4)),
        Section.Fact("induction loss", probe.inductionLoss.fixed(decimals: 4)),
        Section.Fact("copied segment", probe.copiedLength.counted("token")),
        Section.Fact("kernels", kernels),
      ]),
    ]
  }

  package var records: Table { table.records }
  package var lines: [JSONValue] { table.lines }

  package var members: JSONObject {
    var members = table.header(model: model, kernels: kernels)
    members["sequences"] = JSONValue(probe.sequenceCount)
    members["segment"] = JSONValue(probe.segmentLength)
    table.add(to: &members)
    members["first_loss"] = JSONValue(probe.firstLoss)
    members["induction_loss"] = JSONValue(probe.inductionLoss)
    members["loss_by_position"] = .array(probe.lossByPosition.map { JSONValue($0) })
    members["copied_segment"] = JSONValue(probe.copiedLength)
    members["loss_by_copy"] = .array(probe.lossByCopy.map { JSONValue($0) })
    return members
  }
}
