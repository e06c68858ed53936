import Base
import Reporting

/// The format of the reports of a batch, which the names of its outputs choose.
struct BatchReportFormat {
  let format: ReportFormat

  /// - Throws: ``UsageError`` if the suffix of the name is not that of a format.
  init(name: String) throws(UsageError) {
    let suffix = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
    guard let format = ReportFormat.allCases.first(where: { $0.suffixes.contains(suffix) }) else {
      let known = ReportFormat.allCases.flatMap(\.suffixes).joined(separator: ", .")
      throw UsageError(
        "\(name.printable) is not the name of a report",
        hint: "use a \(setting: "name") that ends in .\(known)")
    }
    self.format = format
  }
}
