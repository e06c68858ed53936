import Base
import Charts
package import Differences
import Models

/// The page about the difference of two models.
package struct DifferencePage: Sendable {
  private let difference: ModelDifference

  package init(_ difference: ModelDifference) { self.difference = difference }

  package var page: Page {
    let tensors = difference.worstFirst
    return Page(
      title:
        "\(FileSystem.ownName(of: difference.a.path)) and \(FileSystem.ownName(of: difference.b.path))",
      subtitle: "A: \(difference.a.path) · B: \(difference.b.path)",
      parts: [summary, layers, entries].compactMap(\.self), tableTitle: "Tensors, the worst first",
      columns: [
        Page.Column("tensor", .name), Page.Column("result", .text), Page.Column("name in B", .text),
        Page.Column("dtype", .text), Page.Column("values", .count),
        Page.Column("changed", .share, "Share of values that changed"),
        Page.Column("max error", .number), Page.Column("RMS error", .number),
        Page.Column("relative", .share, "Relative error"), Page.Column("cosine", .number),
        Page.Column("norm", .share, "Change of the norm"), Page.Column("zeros A", .share),
        Page.Column("zeros B", .share), Page.Column("faults", .text),
      ], rowCount: tensors.count, row: { Self.cells(tensors[$0]) })
  }

  private static func cells(_ tensor: TensorDifference) -> [JSONValue] {
    let measures = tensor.measures
    func number(_ value: Double?) -> JSONValue {
      value.map { TensorRow.short(JSONValue($0)) } ?? .null
    }
    let dtypes = [tensor.a?.dtype, tensor.b?.dtype].compactMap(\.self)
    return [
      .string(tensor.name.printable), .string(tensor.status.rawValue),
      tensor.isRenamed ? .string((tensor.b?.name ?? "").printable) : .null,
      .string(Set(dtypes).count > 1 ? dtypes.joined(separator: " → ") : dtypes.first ?? ""),
      JSONValue(tensor.elementCount), number(measures?.changedShare),
      number(measures?.largestError), number(measures?.rootMeanSquare),
      number(measures?.relativeError), number(measures?.cosine), number(measures?.normChange),
      number(measures?.zeroShareA), number(measures?.zeroShareB),
      tensor.faults.isEmpty
        ? .null : .string(tensor.faults.joined(separator: "; ").printable),
    ]
  }

  private var summary: Page.Part {
    var part = Page.Part("summary", "Summary")
    if difference.sharesNothing {
      part.note = "No tensor of A has a counterpart in B: neither a name nor contents are shared."
    }
    let (a, b) = (difference.a, difference.b)
    part.facts = [
      ("A", "\(ByteSize(a.byteCount)), \(a.tensorCount.counted("tensor"))"),
      ("B", "\(ByteSize(b.byteCount)), \(b.tensorCount.counted("tensor"))"),
      (
        "architectures",
        [a.architecture, b.architecture].map { $0 ?? "unknown" }.joined(separator: ", ")
      ),
    ]
    for status in TensorDifference.Status.allCases where difference.count(status) > 0 {
      part.facts.append(
        (status.rawValue.replacing("-", with: " "), difference.count(status).grouped))
    }
    if difference.renamedCount > 0 {
      part.facts.append(("renamed", difference.renamedCount.grouped))
    }
    guard let total = difference.total else { return part }
    if let error = total.relativeError {
      part.facts.append(("relative error", error.briefPercentage))
    }
    if let cosine = total.cosine { part.facts.append(("cosine", "\(cosine)")) }
    part.facts.append(("largest error", total.largestError.brief))
    part.facts.append(("values changed", total.changedShare.briefPercentage))
    return part
  }

  /// The maximum number of layers and kinds in a chart.
  private static let layerLimit = 200
  private static let kindLimit = 40

  private var layers: Page.Part? {
    var kinds: [LayerKind] = []
    var cells: [LayerKind: [Int: TensorDifference]] = [:]
    var numbers = Set<Int>()
    for tensor in difference.tensors {
      guard let place = LayerNames.parts(of: tensor.name) else { continue }
      let kind = LayerKind(place)
      if cells[kind] == nil {
        kinds.append(kind)
        cells[kind] = [:]
      }
      // Of several tensors of a kind in a layer, such as experts, the one that changed the most is shown.
      let known = cells[kind]?[place.index]?.measures?.relativeError ?? -1
      if (tensor.measures?.relativeError ?? 0) > known {
        cells[kind]?[place.index] = tensor
      }
      numbers.insert(place.index)
    }
    guard !numbers.isEmpty else { return nil }
    let shown = Array(numbers.sorted().prefix(Self.layerLimit))
    let shownKinds = Array(kinds.prefix(Self.kindLimit))
    let runCount = Set(kinds.map(\.run)).count
    var part = Page.Part(
      "layers", "Layers and kinds",
      note:
        "Of several tensors of a kind in one layer, the map shows the one that changed the most.")
    if shown.count < numbers.count || shownKinds.count < kinds.count {
      part.note =
        (part.note ?? "")
        + " \(shown.count) of \(numbers.count) layer numbers and \(shownKinds.count) of "
        + "\(kinds.count) kinds are shown; the table has all tensors."
    }
    let bars = difference.layers.prefix(Self.layerLimit).compactMap { layer in
      layer.measures?.relativeError.map {
        BarChart.Bar(layer.name, [$0], text: $0.briefPercentage)
      }
    }
    part.charts = [
      HeatMap(
        "Layer × kind: relative error", rows: shownKinds.map { $0.label(runCount: runCount) },
        columns: shown.map { String($0) },
        values: shownKinds.map { kind in
          shown.map { layer in
            cells[kind]?[layer].flatMap { $0.status == .equal ? 0 : $0.measures?.relativeError }
          }
        }, scale: .shares),
      BarChart("Relative error of each layer", bars: bars),
    ]
    return part
  }

  private var entries: Page.Part? {
    let all = difference.metadata + difference.configuration + difference.files
    guard !all.isEmpty else { return nil }
    var part = Page.Part("files", "Metadata, configuration and other files")
    part.facts = all.prefix(200).map { entry in
      func text(_ value: String?) -> String { value.map { String($0.prefix(80)) } ?? "none" }
      return (entry.name, "\(text(entry.a)) → \(text(entry.b))")
    }
    if all.count > 200 { part.note = "200 of \(all.count) differences are shown." }
    return part
  }
}
