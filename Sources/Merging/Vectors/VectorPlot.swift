package import Charts

/// The matrix of the cosines between task vectors.
package enum VectorPlot {
  package static func chart(_ statistics: VectorStatistics) -> HeatMap {
    let names = statistics.names
    var values = [[Double?]](
      repeating: [Double?](repeating: nil, count: names.count), count: names.count)
    for index in names.indices where statistics.total.norm(index) > 0 { values[index][index] = 1 }
    for (number, pair) in VectorStatistics.pairs(names.count).enumerated() {
      let cosine = statistics.total.cosine(number, pair)
      values[pair.first][pair.second] = cosine
      values[pair.second][pair.first] = cosine
    }
    return HeatMap(
      "Cosine of each pair of vectors", rows: names, columns: names, values: values,
      showsValues: true)
  }
}
