import Base
import Checkpoints
import Differences
import Inspection
import Models
import Pages
import Pruning
import Reporting
import Surveys
import SystemPackage
import TensorCore

/// Writes a report as one page: on a model with the statistics of its values, on a batch, or on a difference.
package struct ReportOperation: Operation {
  package static let verb = "report"

  /// The subject of a report.
  package enum Subject: Codable, Sendable {
    /// The path of a model.
    case model(String)
    /// The paths of two models, whose difference is computed.
    case models(String, String)
    /// The path of a document of `batch --json`.
    case batch(String)
    /// The path of a document of `diff --only all --json`.
    case difference(String)
  }

  package var subject: Subject
  /// The path of the page.
  package var page: String
  /// True if the page replaces an existing file.
  package var replacesExisting = false
  /// The paths of documents of `eval --json`.
  package var evaluations: [String] = []
  /// The path of a file of `calibrate`.
  package var calibration: String?

  package init(subject: Subject, page: String) {
    self.subject = subject
    self.page = page
  }

  /// The number of iterations of the pruning forecast.
  private static let iterationCount = 12

  /// The suffixes of pages.
  private static let suffixes = ["html", "htm"]

  private var isStandardOutput: Bool { page == OutputJob.standardOutputName }

  /// Throws unless the page can be written: to standard output, a device, or a file without the suffix of another format.
  private func checkPage() throws {
    guard !isStandardOutput else { return }
    try ReportFile.check(page, replacesExisting: replacesExisting, inputs: inputPaths)
    let isFile = try [nil, .regular].contains(FileSystem.targetType(page))
    let suffix = FileSystem.baseName(of: page).split(separator: ".").dropFirst().last
    guard !isFile || suffix.map({ Self.suffixes.contains($0.lowercased()) }) ?? true else {
      throw UsageError(
        "\(page.printable): a report is a page for a browser, whose name ends with .html",
        hint:
          "choose such a name with -o; for figures in other formats: \(command: "inspect --stats")"
      )
    }
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    try checkPage()
    var written = OutputReport(verb: Self.verb, path: page)
    written.inputPaths = inputPaths
    var result = OperationResult()
    let page: Page
    switch subject {
    case .model(let path):
      let evaluations = try evaluations.map { try ReportDocument($0, schema: "sumac.eval/1").json }
      let checkpoint = try context.read(path, for: .report)
      written.tensorCount = checkpoint.tensors.count
      written.inputByteCount = checkpoint.fileByteCount
      var model = try modelPage(checkpoint, context)
      model.evaluations = evaluations
      model.calibration = try calibration.map { try CalibratedLayers($0, context).layers } ?? []
      page = model.page
    case .models(let a, let b):
      let difference = try DiffOperation(a: a, b: b).difference(context)
      written.tensorCount = difference.a.tensorCount + difference.b.tensorCount
      written.inputByteCount = difference.a.byteCount + difference.b.byteCount
      result.status = difference.isDamaged ? .badInput : .done
      page = DifferencePage(difference).page
    case .batch(let path):
      page = BatchPage(try ReportDocument(path, schema: BatchReport.schema).json).page
    case .difference(let path):
      page = try DifferencePage(
        ReportDocument(path, schema: ModelDifference.schema).difference()
      ).page
    }
    try context.cancellation.check()
    guard !isStandardOutput else {
      try Self.writeToStandardOutput(page)
      return result
    }
    try ReportFile.write(to: self.page, replacesExisting: replacesExisting) { write in
      try page.write(to: write)
    }
    written.byteCount = try FileSystem.byteCount(ofTree: self.page)
    context.observer.report(
      .note("\(self.page.printable): \(ByteSize(written.byteCount ?? 0).description)"))
    result.written = written
    return result
  }

  /// - Throws: ``InterruptedError`` if the reader of a pipe went away; ``FileError``.
  private static func writeToStandardOutput(_ page: Page) throws {
    try page.write { text in
      do { try FileDescriptor.standardOutput.writeAll(text.utf8) } catch {
        let code = Errno(caught: error)
        guard code != .brokenPipe else { throw InterruptedError(status: .brokenPipe) }
        throw FileError("write", "standard output", code)
      }
    }
  }

  private var inputPaths: [String] {
    let inputs =
      switch subject {
      case .model(let path), .batch(let path), .difference(let path): [path]
      case .models(let a, let b): [a, b]
      }
    return inputs + evaluations + [calibration].compactMap(\.self)
  }

  private func modelPage(
    _ checkpoint: Checkpoint, _ context: OperationContext
  ) throws -> ModelPage {
    let roles = TensorRoles(checkpoint)
    let rows = checkpoint.tensors.map { roles.rows(of: $0.info) }
    let found = try InspectOperation(inputs: []).statistics(
      of: checkpoint.tensors, rows: rows, .standard, .twoOfFour, context
    ).statistics
    let inspection = Inspection(checkpoint, statistics: found)
    let lines = inspection.lazyLines
    let identified = try context.identified([checkpoint])[0]
    return ModelPage(
      name: FileSystem.ownName(of: checkpoint.path), inspection: inspection.members,
      tensorCount: lines.count, lineage: identified.lineage.document,
      forecast: PruningForecast(found.magnitudes, iterations: Self.iterationCount).keptShares,
      tensor: { lines[$0] },
      terms: { index in
        let report = TensorReport(checkpoint, checkpoint.tensors[index])
        return report.hasTerms ? report.lines : []
      })
  }
}
