package import Base
import Charts
import Models

/// The page about one model, made of the JSON documents of other reports and nothing else.
package struct ModelPage: Sendable {
  /// The members of `inspect --stats --json` without its tensors.
  package var inspection: JSONObject
  package var tensorCount: Int
  /// Returns the object of a tensor of `inspect --stats --json`.
  package var tensor: @Sendable (Int) -> JSONValue
  /// Returns the terms of a tensor, as `explain FILE:TENSOR --json` has them; empty if it is stored without terms.
  package var terms: @Sendable (Int) -> [JSONValue]
  /// The document of the lineage.
  package var lineage: JSONValue
  /// The name of the model, which is the title of the page and the last box of the lineage.
  package var name: String
  /// The share of the weights that each iteration of pruning would keep.
  package var forecast: [Double]
  /// The documents of `eval --json`.
  package var evaluations: [JSONValue] = []
  /// The inputs of linear layers, in the order of their use.
  package var calibration: [CalibratedLayer] = []

  /// The inputs of a linear layer, from the file of `calibrate`.
  package struct CalibratedLayer: Sendable {
    package var weight: String
    /// The root of the mean square of all inputs.
    package var rootMeanSquare: Double
    package var largest: Double

    package init(weight: String, rootMeanSquare: Double, largest: Double) {
      self.weight = weight
      self.rootMeanSquare = rootMeanSquare
      self.largest = largest
    }
  }

  package init(
    name: String, inspection: JSONObject, tensorCount: Int, lineage: JSONValue, forecast: [Double],
    tensor: @escaping @Sendable (Int) -> JSONValue,
    terms: @escaping @Sendable (Int) -> [JSONValue]
  ) {
    self.name = name
    self.inspection = inspection
    self.tensorCount = tensorCount
    self.lineage = lineage
    self.forecast = forecast
    self.tensor = tensor
    self.terms = terms
  }

  package var page: Page {
    var summary = ModelSummary()
    for index in 0..<tensorCount { summary.add(tensor(index), terms: terms(index)) }
    let (tensor, terms) = (tensor, terms)
    return Page(
      title: name,
      subtitle: inspection["path"]?.asString ?? name,
      parts: [
        overview(summary), summary.storagePart, summary.shapePart(model: inspection["model"]),
        summary.layersPart, pruningPart, evaluationPart, calibrationPart, lineagePart,
      ].compactMap(\.self),
      tableTitle: "Tensors", columns: TensorRow.columns, rowCount: tensorCount,
      row: { TensorRow.cells(tensor($0), terms: terms($0)) })
  }

  private func overview(_ summary: ModelSummary) -> Page.Part {
    var part = Page.Part("summary", "Summary")
    func integer(_ key: String) -> Int { inspection[key]?.asInt ?? 0 }
    part.facts = [
      ("tensors", integer("tensor_count").grouped), ("values", integer("value_count").grouped),
      ("size of the files", ByteSize(integer("file_bytes")).description),
      ("size of the values", ByteSize(integer("value_bytes")).description),
      ("bits per value", summary.bitsPerValue.brief),
      ("format", inspection["container"]?.asString ?? ""),
    ]
    let model = inspection["model"]
    if let share = model?["zero_share"]?.asDouble {
      part.facts.append(("zeros", share.briefPercentage))
    }
    if let index = model?["pqi"]?.asDouble { part.facts.append(("PQ Index", index.brief)) }
    if let norm = model?["l2"]?.asDouble { part.facts.append(("norm", norm.brief)) }
    if let error = inspection["loss"]?["relative_error"]?.asDouble {
      part.facts.append(("error of the last step", error.briefPercentage))
    }
    let unusual = ["nans", "positive_infinities", "negative_infinities"]
      .reduce(0) { $0 + (model?[$1]?.asInt ?? 0) }
    if model != nil { part.facts.append(("values that are not finite", unusual.grouped)) }
    return part
  }

  private var pruningPart: Page.Part? {
    guard !forecast.isEmpty else { return nil }
    var part = Page.Part(
      "pruning", "Pruning forecast",
      note:
        "The share of all float values that iterations of prune --by pqi would keep with its defaults in the "
        + "global scope, computed from the histogram of magnitudes. The model is not trained between iterations."
    )
    part.charts = [
      LinePlot(
        "Kept share of the values over iterations", axis: "iteration",
        labels: (0...forecast.count).map(String.init),
        lines: [LinePlot.Line("kept", [1] + forecast.map(Optional.some))])
    ]
    return part
  }

  private var calibrationPart: Page.Part? {
    guard !calibration.isEmpty else { return nil }
    var part = Page.Part(
      "calibration", "Inputs of the linear layers",
      note: "Measured by calibrate. Layers are numbered in the order of their use.")
    part.charts = [
      LinePlot(
        "Inputs of each linear layer", axis: "linear layer",
        labels: calibration.indices.map { String($0) },
        lines: [
          LinePlot.Line("root mean square", calibration.map { .some($0.rootMeanSquare) }),
          LinePlot.Line("largest magnitude", calibration.map { .some($0.largest) }),
        ], scale: .logarithmic)
    ]
    return part
  }

  private var lineagePart: Page.Part? {
    let steps = lineage["steps"]?.asArray ?? []
    guard !steps.isEmpty else { return nil }
    var part = Page.Part("lineage", "Lineage")
    if let dropped = lineage["dropped"]?.asInt {
      part.note = "\(dropped) older steps were left out."
    }
    part.charts = [LineageGraph.chart(steps, result: name)]
    return part
  }
}
