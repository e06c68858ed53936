import Base
package import Reporting

extension DifferenceReport {
  package var sections: [Section] {
    var sections: [Section] = [.facts(facts)]
    let faults =
      difference.tensors.filter { $0.status == .damaged }.flatMap(\.faults)
      + difference.files.compactMap(\.fault)
    sections += faults.map { .line("damaged: \($0)") }
    if difference.sharesNothing {
      sections.append(.line(unrelated))
      if options.selection == .different { return sections }
    }
    for (title, entries) in [
      ("metadata", difference.metadata), ("config.json", difference.configuration),
      ("file", difference.files),
    ] where !entries.isEmpty {
      sections.append(.table(Self.table(title, entries)))
    }
    if !layers.isEmpty { sections.append(.table(layerTable)) }
    if !tensors.isEmpty { sections.append(.table(tensorTable)) }
    let listed = max(layers.count, tensors.count)
    if listed < selectedCount {
      sections.append(
        .line(
          "\((selectedCount - listed).counted("more \(options.listsLayers ? "layer" : "tensor")")) not listed"
        ))
    }
    return sections
  }

  private var unrelated: String {
    let kinds = [difference.a.architecture, difference.b.architecture].compactMap { $0?.printable }
    let architectures =
      kinds.count == 2 && kinds[0] != kinds[1]
      ? "; A is a \(kinds[0]), B is a \(kinds[1])" : ""
    return "no tensor of A has a counterpart in B, by name or by content" + architectures
  }

  private var facts: [Section.Fact] {
    func model(_ model: ModelDifference.Model) -> String {
      "\(model.path.printable) (\(model.container), \(ByteSize(model.byteCount)), "
        + "\(model.tensorCount.counted("tensor")))"
    }
    var facts = [
      Section.Fact("A", model(difference.a)), Section.Fact("B", model(difference.b)),
      Section.Fact("tensors", counts),
    ]
    if let total = difference.total, total.errorNorm > 0 || total.changedCount > 0 {
      let error = total.relativeError.map { "\(Self.percent($0)) relative error, " } ?? ""
      facts.append(
        Section.Fact(
          "values",
          error + "\(Self.percent(total.changedShare)) of \(total.valueCount.grouped) changed, "
            + "largest error \(total.largestError.short)"))
    }
    if let total = difference.total, total.zerosA != total.zerosB {
      facts.append(
        Section.Fact(
          "zeros",
          "\(Self.percent(total.zeroShareA)) in A, \(Self.percent(total.zeroShareB)) in B"))
    }
    if let total = difference.total, total.finiteCount < total.valueCount {
      facts.append(
        Section.Fact(
          "not finite",
          "A has \(total.nansA.grouped) NaN and \(total.infinitiesA.grouped) infinite, "
            + "B has \(total.nansB.grouped) and \(total.infinitiesB.grouped)"))
    }
    if let tolerance = difference.tolerance {
      facts.append(
        Section.Fact("tolerance", "\(tolerance.short) (\(difference.metric.summary))"))
    }
    return facts
  }

  private var counts: String {
    let kinds: [(TensorDifference.Status, String)] = [
      (.equal, "equal"), (.equalValues, "equal in value"), (.changed, "changed"),
      (.shape, "of another shape"), (.missing, "missing in B"), (.added, "added in B"),
      (.damaged, "damaged"),
    ]
    var parts = kinds.compactMap { status, text in
      let count = difference.count(status)
      return count > 0 ? "\(count.grouped) \(text)" : nil
    }
    if difference.tolerance != nil {
      parts.append("\(difference.tensors.count(where: \.differs).grouped) beyond the tolerance")
    }
    if difference.renamedCount > 0 { parts.append("\(difference.renamedCount.grouped) renamed") }
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }

  private static func table(_ title: String, _ entries: [ModelDifference.Entry]) -> Table {
    func cell(_ value: String?) -> String {
      guard let value else { return "-" }
      let text = value.printable
      return text.count > 60 ? text.prefix(59) + "…" : text
    }
    return Table(
      [Table.Column(title), Table.Column("A"), Table.Column("B")],
      rows: entries.map { [$0.name.printable, cell($0.a), cell($0.b)] })
  }

  // MARK: Tensors

  /// The columns of measures; RMSE and 1 - cosine only if they are the metric, so that lines stay short.
  private var measureColumns: [String] {
    let chosen: [String] =
      switch difference.metric {
      case .rmse: ["RMSE"]
      case .cosine: ["1-cos"]
      case .max, .percent: []
      }
    return ["changed", "max", "error"] + chosen + ["norm"]
  }

  private func cells(_ measures: Measures?) -> [String] {
    guard let measures else { return measureColumns.map { _ in "-" } }
    let chosen: [String] =
      switch difference.metric {
      case .rmse: [measures.rootMeanSquare.short]
      case .cosine: [measures.cosineDistance?.short ?? "-"]
      case .max, .percent: []
      }
    return [
      Self.percent(measures.changedShare), measures.largestError.short,
      measures.relativeError.map(Self.percent) ?? "-",
    ] + chosen + [measures.normChange.map(Self.signedPercent) ?? "-"]
  }

  private static func zeros(_ measures: Measures?) -> String {
    guard let measures else { return "-" }
    let (a, b) = (percent(measures.zeroShareA), percent(measures.zeroShareB))
    return measures.zerosA == measures.zerosB ? a : "\(a) > \(b)"
  }

  private var tensorTable: Table {
    let showsZeros = tensors.contains { $0.measures.map { $0.zerosA != $0.zerosB } ?? false }
    let titles = measureColumns + (showsZeros ? ["zeros"] : [])
    let report = self
    return Table(
      [Table.Column("tensor"), Table.Column("in B")]
        + titles.map { Table.Column($0, alignsRight: true) },
      rows: LazyRows(count: tensors.count) { number in
        let tensor = report.tensors[number]
        return [tensor.name.printable, Self.word(tensor)] + report.cells(tensor.measures)
          + (showsZeros ? [Self.zeros(tensor.measures)] : [])
      })
  }

  /// Returns a description of the relation, such as `F32 → BF16` or `[4, 8] → [8, 8]`.
  private static func word(_ tensor: TensorDifference) -> String {
    var words: [String] = []
    if let a = tensor.a, let b = tensor.b {
      if tensor.isRenamed { words.append("= \(b.name.printable)") }
      if a.shape != b.shape { words.append("\(a.shape) → \(b.shape)") }
      if a.dtype != b.dtype { words.append("\(a.dtype) → \(b.dtype)") }
    }
    switch tensor.status {
    case .equal: words.insert("equal", at: 0)
    case .equalValues: words.insert("equal values", at: 0)
    case .changed: words.insert(tensor.differs ? "changed" : "within", at: 0)
    case .shape: words.insert("shape", at: 0)
    case .missing, .added, .damaged: words.insert(tensor.status.rawValue, at: 0)
    }
    return words.joined(separator: " ")
  }

  // MARK: Layers

  /// The number of columns of the longest bar.
  private static let barWidth = 24

  private var layerTable: Table {
    let metric = difference.metric
    let values = layers.map { $0.measures.map(metric.value) ?? 0 }
    let largest = values.filter(\.isFinite).max() ?? 0
    let layers = layers
    return Table(
      [
        Table.Column("layer"), Table.Column("changed", alignsRight: true),
        Table.Column("error", alignsRight: true), Table.Column("zeros", alignsRight: true),
        Table.Column(metric == .percent ? "relative error" : metric.summary, drawing: .bar),
      ],
      rows: LazyRows(count: layers.count) { number in
        let layer = layers[number]
        return [
          layer.name.printable, "\(layer.differentCount) of \(layer.tensorCount)",
          layer.measures.map {
            metric == .percent ? $0.relativeError.map(Self.percent) ?? "-" : metric.value($0).short
          } ?? "-",
          Self.zeros(layer.measures),
          Self.bar(values[number], of: largest),
        ]
      })
  }

  /// Returns a bar whose length is the share of `value` in `largest`, in steps of an eighth of a column.
  package static func bar(_ value: Double, of largest: Double) -> String {
    guard value.isFinite else { return "not finite" }
    return Glyphs.bar(value, of: largest, width: barWidth)
  }

  /// Returns a share as a percentage with two decimals, or with an exponent if these would all be 0.
  private static func percent(_ share: Double) -> String {
    let percentage = 100 * share
    guard percentage.isFinite else { return "not finite" }
    guard percentage != 0, percentage.magnitude < 0.01 else {
      return "\(percentage.fixed(decimals: 2)) %"
    }
    return "\(percentage.short) %"
  }

  private static func signedPercent(_ share: Double) -> String {
    share == 0 ? "0" : (share > 0 ? "+" : "") + percent(share)
  }
}
