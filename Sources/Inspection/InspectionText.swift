import Base
import Checkpoints
package import Reporting
import Surveys
import TensorCore

extension Inspection {
  package var sections: [Section] {
    var sections: [Section] = [.facts(facts)]
    if options.showsMetadata { sections.append(.facts(metadataFacts)) }
    if !layers.isEmpty {
      sections += InspectedLayer.tables(layers, total: checkpoint.parameterCount)
        .map(Section.table)
      sections += LayerMaps(layers).sections
    }
    if !rows.isEmpty {
      sections.append(.table(options.showsLayout ? layoutTable : tensorTable))
      if let model { sections += statisticsSections(model) }
    }
    return sections
  }

  private var facts: [Section.Fact] {
    let aliases = checkpoint.tensors.count { $0.aliasOf != nil }
    let dtypes = dtypes.map { "\($0.dtype.name) \(ByteSize($0.byteCount)) in \($0.tensorCount)" }
    var facts = [
      Section.Fact("path", "\(checkpoint.path.printable) (\(checkpoint.container.rawValue))"),
      Section.Fact("size", size),
      Section.Fact(
        "tensors",
        (checkpoint.tensors.count < tensorCount
          ? "\(checkpoint.tensors.count.grouped) selected of " : "")
          + tensorCount.grouped
          + (aliases > 0 ? ", \(aliases) of them aliases" : "")
          + ", \(checkpoint.parameterCount.grouped) values"),
    ]
    if !dtypes.isEmpty {
      facts.append(Section.Fact("dtypes", dtypes.joined(separator: ", ")))
    }
    let components = checkpoint.folder.components
    if !components.isEmpty {
      facts.append(
        Section.Fact("components", components.map(\.path.printable).joined(separator: ", ")))
    }
    if !checkpoint.companions.isEmpty {
      let names = checkpoint.companions.map(\.name.printable).joined(separator: ", ")
      facts.append(Section.Fact("other files", names))
    }
    if !checkpoint.skipped.isEmpty {
      let files = checkpoint.skipped.map { "\($0.path.printable) (\($0.reason.summary))" }
      facts.append(Section.Fact("left out", files.joined(separator: ", ")))
    }
    if let step = checkpoint.lineage.steps.last {
      let inputs = step.inputs.map(\.name.printable).joined(separator: ", ")
      facts.append(Section.Fact("made by", "sumac \(step.verb.printable) of \(inputs)"))
      if let loss = step.loss { facts.append(Section.Fact("loss", loss.summary)) }
    }
    return facts
  }

  private var size: String {
    var text = "\(ByteSize(fileByteCount)) (\(fileByteCount.counted("byte")))"
    let stored = checkpoint.tensors.reduce(0) {
      $0 + ($1.aliasOf == nil ? $1.stored.byteCount : 0)
    }
    if stored != valueByteCount, valueByteCount > 0 {
      let share = (Double(stored) / Double(valueByteCount) * 100).fixed(decimals: 1)
      text += ", weights at \(share) % of \(ByteSize(valueByteCount))"
    }
    return text
  }

  private var metadataFacts: [Section.Fact] {
    checkpoint.metadata.map { Section.Fact($0.key.printable, $0.value.text.printable) }
      + checkpoint.folder.components.flatMap { component in
        component.metadata.map {
          Section.Fact((component.prefix + $0.key).printable, $0.value.text.printable)
        }
      }
  }

  private var tensorTable: Table {
    var columns = [
      Table.Column("tensor"), Table.Column("dtype"), Table.Column("shape", alignsRight: true),
      Table.Column("bytes", alignsRight: true), Table.Column("stored", alignsRight: true),
    ]
    let showsErrors = rows.contains { $0.relativeError != nil }
    if showsErrors { columns.append(Table.Column("error", alignsRight: true)) }
    let rows = rows
    return Table(
      columns,
      rows: LazyRows(count: rows.count) { number in
        let row = rows[number]
        let info = row.tensor.info
        let cells = [
          info.name.printable, info.dtype.name, info.shape.description, info.byteCount.grouped,
          row.tensor.aliasOf.map { "= \($0.printable)" } ?? Self.storedLabel(row.tensor),
        ]
        guard showsErrors else { return cells }
        let error = row.relativeError.map(Self.percent)
        return cells + [error ?? "-"]
      })
  }

  /// Returns a share as a percentage with two decimals, or with an exponent if these would all be 0.
  static func percent(_ share: Double) -> String {
    guard share.isFinite else { return "not finite" }
    let percentage = 100 * share
    guard percentage != 0, percentage < 0.01 else { return "\(percentage.fixed(decimals: 2)) %" }
    return "\(percentage.short) %"
  }

  private static func storedLabel(_ tensor: LazyTensor) -> String {
    guard tensor.stored.byteCount != tensor.info.byteCount, tensor.info.byteCount > 0 else {
      return tensor.stored.codec
    }
    let share = Double(tensor.stored.byteCount) / Double(tensor.info.byteCount) * 100
    return "\(tensor.stored.codec), \(share.fixed(decimals: 1)) % of the bytes"
  }

  private var layoutTable: Table {
    let rows = rows
    return Table(
      [
        Table.Column("tensor"), Table.Column("file"), Table.Column("offset", alignsRight: true),
        Table.Column("stored bytes", alignsRight: true), Table.Column("codec"),
        Table.Column("chunks", alignsRight: true),
      ],
      rows: LazyRows(count: rows.count) { number in
        let row = rows[number]
        let stored = row.tensor.stored
        return [
          row.tensor.name.printable, stored.file.printable, String(stored.byteOffset),
          String(stored.byteCount), stored.codec, String(stored.chunkCount),
        ]
      })
  }
}
