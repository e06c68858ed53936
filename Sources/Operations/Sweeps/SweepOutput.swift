import Base
import Charts
import FoundationEssentials
import Pages
import Reporting

/// The file that a sweep writes, whose suffix chooses a plot, a page or the report in another format.
package struct SweepOutput: Codable, Sendable, Equatable {
  package var path: String
  /// True if an existing file is replaced.
  package var replacesExisting = false

  package init(path: String) { self.path = path }

  private static let plotSuffix = "svg"

  private var suffix: String { path.split(separator: ".").last.map { $0.lowercased() } ?? "" }
  private var format: ReportFormat? {
    ReportFormat.allCases.first { $0.suffixes.contains(suffix) }
  }

  /// Checks the name before the work.
  /// - Parameter inputs: The paths of the inputs, which are never replaced.
  func check(inputs: [String]) throws {
    guard suffix == Self.plotSuffix || format != nil else {
      let known = [Self.plotSuffix] + ReportFormat.allCases.flatMap(\.suffixes)
      throw UsageError(
        "\(path.printable) is not the name of a plot or a report; a sweep writes no model",
        hint: "use a name that ends in .\(known.joined(separator: ", ."))")
    }
    try ReportFile.check(path, replacesExisting: replacesExisting, inputs: inputs)
  }

  /// Writes a plot, a page, or the report.
  func write(_ report: some Report, plot: some Chart, page: @autoclosure () -> Page) throws {
    try ReportFile.write(to: path, replacesExisting: replacesExisting) { write in
      switch format {
      case nil: try write(plot.svg)
      case .html: try page().write(to: write)
      case let format?: try report.write(as: format, width: nil, to: write)
      }
    }
  }
}

/// The figures of one evaluation of a sweep, as reports show them.
struct SweepFigures: Sendable {
  let perplexity: JSONValue
  let divergence: JSONValue
  let sameTop: JSONValue
  /// The perplexity of the model that the sweep starts from.
  let basePerplexity: JSONValue
  let tokenCount: Int

  /// - Parameter members: The members of an ``EvaluationReport`` with a comparison.
  init(_ members: JSONObject) {
    let comparison = members["comparison"]
    perplexity = members["perplexity"] ?? .null
    divergence = comparison?["divergence"] ?? .null
    sameTop = comparison?["same_top"] ?? .null
    basePerplexity = comparison?["base_perplexity"] ?? .null
    tokenCount = members["tokens"]?.asInt ?? 0
  }

  var json: JSONObject {
    ["perplexity": perplexity, "divergence": divergence, "same_top": sameTop]
  }

  static func value(_ estimate: JSONValue) -> Double? { estimate["value"]?.asDouble }

  static let columns = ["perplexity", "divergence", "same top"]

  /// The cells of a table for people, under ``columns``.
  static func cells(_ figures: SweepFigures?) -> [String] {
    guard let figures else { return columns.map { _ in "" } }
    return [
      value(figures.perplexity)?.brief ?? "", value(figures.divergence)?.short ?? "",
      value(figures.sameTop).map { "\((100 * $0).fixed(decimals: 2)) %" } ?? "",
    ]
  }

  static let recordColumns = ["perplexity", "divergence", "same_top"]

  /// The cells of a table for programs, under ``recordColumns``.
  static func records(_ figures: SweepFigures?) -> [String] {
    [figures?.perplexity, figures?.divergence, figures?.sameTop].map { estimate in
      estimate.flatMap(value)?.description ?? ""
    }
  }
}
