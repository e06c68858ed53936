package import Base
import Repeats
import Reporting

/// Compares the repeats of a corpus with the band of repeats that hurts models of a size.
package struct RepeatsPredictOperation: Operation {
  package static let verb = "repeats predict"

  /// The units whose repeats are counted.
  package enum Basis: String, CaseIterable, Codable, Sendable {
    case documents, paragraphs, windows
  }

  /// The path of a report of `repeats scan` as JSON.
  package var histogram: String
  package var parameters: Double
  /// The number of tokens that the model is trained on.
  package var tokens: Double
  package var basis = Basis.documents

  package init(histogram: String, parameters: Double, tokens: Double) {
    (self.histogram, self.parameters, self.tokens) = (histogram, parameters, tokens)
  }

  private static let maximumByteCount = 1 << 28
  /// The largest error of the sum of all shares.
  private static let roundingError = 1e-6

  package func run(_ context: OperationContext) throws -> OperationResult {
    for (name, value) in [("parameters", parameters), ("tokens", tokens)]
    where !(1...1e18).contains(value) {
      throw UsageError("\(setting: name) is \(value.short), expected 1 to 1e18")
    }
    let document = try document()
    let list =
      switch basis {
      case .documents: document["histogram"]?["documents"]?.asArray
      case .paragraphs: document["histogram"]?["paragraphs"]?.asArray
      case .windows: document["histogram"]?["windows"]?["classes"]?.asArray
      }
    guard document["schema"]?.asString == RepeatScanReport.schema, let list, !list.isEmpty,
      let counted = document["tokens"]?.asDouble, counted > 0
    else { throw fault("has no histogram of \(basis.rawValue)") }
    let classes = try list.map { entry in
      guard let times = entry["times"]?.asDouble, let share = entry["share"]?.asDouble, times >= 1,
        (0...1).contains(share)
      else { throw fault("has a class without the numbers 'times' and 'share'") }
      return PredictionReport.Class(times: times, share: share)
    }
    let sum = classes.reduce(0) { $0 + $1.share }
    guard sum <= 1 + Self.roundingError else {
      throw fault("has classes with \(sum.short) of all tokens, expected at most 1")
    }
    // Words of texts are not tokens of a model, so that their number says nothing about epochs.
    let isTokens = document["token"]?.asString == "token"
    if !isTokens {
      context.observer.report(
        .note("\(histogram.printable) counts words, so the data count as read once"))
    }
    return OperationResult(reports: [
      PredictionReport(
        classes, basis: basis.rawValue, parameters: parameters, tokens: tokens,
        epochs: isTokens ? tokens / counted : 1)
    ])
  }

  private func document() throws -> JSONValue {
    let file = try InputFile(path: histogram)
    guard file.byteCount <= Self.maximumByteCount else {
      throw fault("is larger than \(ByteSize(Self.maximumByteCount))")
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    do { return try JSONValue.parse(bytes.span) } catch {
      throw FormatError(
        .repeatHistogram, error.reason, path: histogram, byteOffset: error.byteOffset)
    }
  }

  private func fault(_ reason: String) -> FormatError {
    FormatError(
      .repeatHistogram, reason, path: histogram,
      hint: "make it with: \(command: "repeats scan DATA --json -o histogram.json")")
  }
}

extension FormatError.Code {
  package static let repeatHistogram = FormatError.Code(
    "repeats.histogram",
    meaning: "A file is not a report of repeats with a histogram.",
    remedy: "Make the report with repeats scan --json.")
}
