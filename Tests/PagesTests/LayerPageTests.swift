import Base
import Charts
import Differences
import Foundation
import Pages
import Testing

/// Pages about models with several runs of layers.
struct LayerPageTests {
  private static let names = [
    "encoder.layers.0.fc.weight", "encoder.layers.1.fc.weight", "decoder.layers.0.fc.weight",
    "decoder.layers.1.fc.weight",
  ]

  private static func layers(_ page: Page) throws -> [any Chart] {
    try #require(page.parts.first { $0.id == "layers" }).charts
  }

  @Test("a model with two runs of layers has a row of kinds and a line for each")
  func model() throws {
    let tensors: [JSONValue] = Self.names.enumerated().map { index, name in
      [
        "name": .string(name), "dtype": "F32", "codec": "raw", "value_count": 4, "bytes": 16,
        "stored_bytes": 16, "l2": 2, "zeros": .number(JSONNumber(index)), "pqi": 0.5,
      ]
    }
    let page = ModelPage(
      name: "m", inspection: JSONObject(), tensorCount: tensors.count, lineage: .null, forecast: [],
      tensor: { tensors[$0] }, terms: { _ in [] }
    ).page
    let charts = try Self.layers(page)
    let zeros = try #require(charts.first { $0.title == "Layer × kind: zeros" })
    #expect(zeros.summary.hasPrefix("2 rows and 2 columns, from 0 % to 75 %"))
    for (row, tip) in [("encoder", "0: 0 %"), ("encoder", "1: 25 %"), ("decoder", "1: 75 %")] {
      #expect(zeros.element.contains("fc, \(row).layers, \(tip)"))
    }
    #expect(
      charts[0].summary.contains("zeros, encoder.layers, PQ Index, encoder.layers, zeros, dec"))
  }

  /// Returns a changed tensor as `diff --json` prints it.
  private static func tensor(_ name: String, error: String) -> String {
    let side = #"{"name": "\#(name)", "dtype": "F32", "shape": [2], "stored_bytes": 8}"#
    return #"""
      {"status": "changed", "differs": true, "a": \#(side), "b": \#(side), "faults": [],
       "equal_by_checksum": false, "measures": {
       "values": 2, "finite": 2, "changed": 1, "nonfinite_changed": 0, "max_error": \#(error),
       "error_norm": \#(error), "norm_a": 1, "norm_b": 1, "product": 1, "zeros_a": 0, "zeros_b": 0,
       "nans_a": 0, "nans_b": 0, "infinities_a": 0, "infinities_b": 0}}
      """#
  }

  private static func difference(errors: [String]) throws -> ModelDifference {
    let model =
      #"{"path": "m", "container": "safetensors", "bytes": 8, "tensor_count": 4, "parameter_count": 8}"#
    let tensors = zip(names, errors).map { tensor($0, error: $1) }.joined(separator: ",\n")
    let text = #"""
      {"a": \#(model), "b": \#(model), "metric": "percent", "tensors": [\#(tensors)],
       "metadata": [], "configuration": [], "files": []}
      """#
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return try decoder.decode(ModelDifference.self, from: Data(text.utf8))
  }

  @Test("a difference of models with two runs of layers has a row of kinds for each")
  func difference() throws {
    let found = try Self.difference(errors: ["0.5", "0.25", "0.125", "0.75"])
    let map = try #require(try Self.layers(DifferencePage(found).page).first)
    #expect(map.summary.hasPrefix("2 rows and 2 columns, from 12.5 % to 75 %"))
    for (row, tip) in [("encoder", "0: 50 %"), ("encoder", "1: 25 %"), ("decoder", "0: 12.5 %")] {
      #expect(map.element.contains("fc, \(row).layers, \(tip)"))
    }
  }

  @Test(
    "values of a document that are not finite are words in facts and charts",
    arguments: [#""NaN""#, #""Infinity""#, "1e307"])
  func notFinite(error: String) throws {
    let found = try Self.difference(errors: [error, "0.25", error, "0.5"])
    let page = DifferencePage(found).page
    let texts =
      page.parts.flatMap(\.facts).map { $0.value } + page.parts.flatMap(\.charts).map(\.element)
    #expect(texts.count > 4)
    let shown = texts.joined(separator: "\n").replacingOccurrences(of: "not finite", with: "")
    #expect(!shown.contains("nan") && !shown.contains("inf"))
  }
}
