import Base
import Charts
import Models

/// The figures about all tensors of a model: storage, and the values by layer and kind of tensor.
struct ModelSummary {
  /// Sums over tensors.
  private struct Sums {
    var tensorCount = 0
    var valueCount = 0
    var byteCount = 0
    var storedByteCount = 0
    var zeroCount = 0
    var squareSum = 0.0
    /// The sum of PQ Indexes, each times the number of values, and that number.
    var indexSum = 0.0
    var indexedCount = 0
    var errorSquareSum = 0.0
    var hasError = false
    var hasStatistics = false

    mutating func add(_ tensor: JSONValue) {
      let count = tensor["value_count"]?.asInt ?? 0
      tensorCount += 1
      valueCount += count
      byteCount += tensor["bytes"]?.asInt ?? 0
      storedByteCount += tensor["stored_bytes"]?.asInt ?? 0
      guard let norm = tensor["l2"]?.asDouble else { return }
      hasStatistics = true
      zeroCount += tensor["zeros"]?.asInt ?? 0
      squareSum += norm * norm
      if let index = tensor["pqi"]?.asDouble {
        indexSum += index * Double(count)
        indexedCount += count
      }
      if let error = tensor["relative_error"]?.asDouble {
        hasError = true
        errorSquareSum += error * norm * error * norm
      }
    }

    var index: Double? { indexedCount > 0 ? indexSum / Double(indexedCount) : nil }
    var norm: Double? { hasStatistics ? squareSum.squareRoot() : nil }
    var zeroShare: Double? {
      hasStatistics && valueCount > 0 ? Double(zeroCount) / Double(valueCount) : nil
    }
    var error: Double? {
      hasError ? (squareSum > 0 ? (errorSquareSum / squareSum).squareRoot() : 0) : nil
    }
  }

  /// The maximum number of kinds and of layers in a map, and of runs of layers in a plot.
  private static let kindLimit = 40
  private static let layerLimit = 200
  private static let runLimit = 3

  private var total = Sums()
  private var dtypes: [String: Sums] = [:]
  private var codecs: [String: Sums] = [:]
  private var terms: [String: Int] = [:]
  /// The sums by run of layers and kind, and in these by layer.
  private var kinds: [LayerKind: [Int: Sums]] = [:]
  private var kindOrder: [LayerKind] = []
  /// The sums by run of layers, and in these by layer.
  private var runs: [String: [Int: Sums]] = [:]
  private var runOrder: [String] = []

  mutating func add(_ tensor: JSONValue, terms parts: [JSONValue]) {
    guard tensor["alias_of"]?.asString == nil else { return }
    total.add(tensor)
    dtypes[tensor["dtype"]?.asString ?? "?", default: Sums()].add(tensor)
    codecs[tensor["codec"]?.asString ?? "?", default: Sums()].add(tensor)
    for part in parts {
      terms[part["term"]?.asString ?? "?", default: 0] += part["bytes"]?.asInt ?? 0
    }
    guard let name = tensor["name"]?.asString, let place = LayerNames.parts(of: name) else {
      return
    }
    let kind = LayerKind(place)
    if kinds[kind] == nil { kindOrder.append(kind) }
    kinds[kind, default: [:]][place.index, default: Sums()].add(tensor)
    if runs[kind.run] == nil { runOrder.append(kind.run) }
    runs[kind.run, default: [:]][place.index, default: Sums()].add(tensor)
  }

  var bitsPerValue: Double {
    total.valueCount > 0 ? 8 * Double(total.storedByteCount) / Double(total.valueCount) : 0
  }

  // MARK: Parts

  var storagePart: Page.Part {
    var part = Page.Part("storage", "Sizes and types")
    part.charts = [
      Self.bars("Bytes of the values by dtype", dtypes.mapValues(\.byteCount)),
      Self.bars("Stored bytes by codec", codecs.mapValues(\.storedByteCount)),
    ]
    if !terms.isEmpty { part.charts.append(Self.bars("Stored bytes by term", terms)) }
    return part
  }

  private static func bars(_ title: String, _ counts: [String: Int]) -> BarChart {
    let all = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let sum = max(1, all.reduce(0) { $0 + $1.value })
    let shown = all.prefix(12)
    let rest = all.dropFirst(12).reduce(0) { $0 + $1.value }
    var bars = shown.map { name, count in
      let share = (Double(count) / Double(sum)).briefPercentage
      return BarChart.Bar(name, [Double(count)], text: "\(ByteSize(count)), \(share)")
    }
    if rest > 0 { bars.append(BarChart.Bar("others", [Double(rest)], text: "\(ByteSize(rest))")) }
    return BarChart(title, bars: bars)
  }

  /// The magnitudes of all float values.
  func shapePart(model: JSONValue?) -> Page.Part? {
    guard let lowest = model?["octave_lowest"]?.asInt,
      let counts = model?["octave_counts"]?.asArray?.compactMap(\.asInt)
    else { return nil }
    var part = Page.Part(
      "magnitudes", "Magnitudes of the weights",
      note: "The numbers of float values by powers of two. Zeros are not among them.")
    let shown = counts.suffix(24)
    let first = lowest + counts.count - shown.count
    let sum = max(1, counts.reduce(0, +))
    part.charts = [
      BarChart(
        "Magnitudes of all float values",
        bars: shown.enumerated().map { number, count in
          let share = 100 * Double(count) / Double(sum)
          return BarChart.Bar(
            "2^\(first + number) to 2^\(first + number + 1)", [Double(count)],
            text: "\(share > 0 && share < 0.01 ? share.short : share.brief) %")
        })
    ]
    if shown.count < counts.count {
      let below = counts.dropLast(24).reduce(0, +)
      part.note = (part.note ?? "") + " \(below.grouped) values are smaller than the lowest bar."
    }
    return part
  }

  var layersPart: Page.Part? {
    guard runs.values.reduce(0, { $0 + $1.count }) > 1 else { return nil }
    let numbers = Set(runs.values.flatMap(\.keys)).sorted()
    let shown = Array(numbers.prefix(Self.layerLimit))
    let shownKinds = Array(kindOrder.prefix(Self.kindLimit))
    var part = Page.Part("layers", "Layers and kinds")
    var notes = [
      "PQ Indexes of several tensors are averaged by their numbers of values; zeros, norms and errors are of all "
        + "their values together."
    ]
    if shown.count < numbers.count {
      notes.append(
        "\(shown.count) of \(numbers.count) layer numbers are shown; the table has all tensors.")
    }
    if runOrder.count > Self.runLimit {
      notes.append("The plot shows \(Self.runLimit) of \(runOrder.count) runs of layers.")
    }
    if shownKinds.count < kindOrder.count {
      notes.append("\(shownKinds.count) of \(kindOrder.count) kinds are shown.")
    }
    part.note = notes.joined(separator: " ")
    let labels = shown.map { String($0) }
    part.charts = [
      LinePlot(
        "Sparsity and PQ Index of each layer", axis: "layer", labels: labels,
        lines: lines(shown))
    ]
    let maps: [(String, AxisScale, (Sums) -> Double?)] = [
      ("PQ Index", .linear, \.index), ("zeros", .shares, \.zeroShare),
      ("relative error", .shares, \.error), ("norm", .linear, \.norm),
    ]
    for (name, scale, value) in maps {
      let values = shownKinds.map { kind in
        shown.map { layer in kinds[kind]?[layer].flatMap(value) }
      }
      guard values.contains(where: { $0.contains { $0 != nil } }) else { continue }
      part.charts.append(
        HeatMap(
          "Layer × kind: \(name)", rows: shownKinds.map { $0.label(runCount: runOrder.count) },
          columns: labels, values: values, scale: scale))
    }
    return part
  }

  /// Returns the shares of zeros and the PQ Indexes of each run over the layer numbers.
  private func lines(_ numbers: [Int]) -> [LinePlot.Line] {
    runOrder.prefix(Self.runLimit).flatMap { run -> [LinePlot.Line] in
      let sums = numbers.map { runs[run]?[$0] ?? Sums() }
      let suffix = runOrder.count > 1 ? ", \(LayerKind.runLabel(run))" : ""
      return [
        LinePlot.Line("zeros" + suffix, sums.map(\.zeroShare)),
        LinePlot.Line("PQ Index" + suffix, sums.map(\.index)),
      ]
    }.filter { line in line.values.contains { $0 != nil } }
  }
}
