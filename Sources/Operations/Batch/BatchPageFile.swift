import Base
import Checkpoints
import Pages
import Reporting
import SystemPackage

/// The page about a batch, which is written when the batch ends.
///
/// The same batch runs again and again until all models are done, so that it replaces the page of a run before, and
/// no other file.
struct BatchPageFile {
  private let path: String
  private let replacesExisting: Bool

  /// The number of bytes at the start of a page that contain its title.
  private static let headByteCount = 4096

  /// Checks before the work that the page can be written.
  /// - Parameters:
  ///   - jobs: The models, whose inputs and outputs a page does not replace.
  /// - Throws: ``UsageError`` for a name that is not that of a page, ``OutputExistsError`` if a file exists that is not
  ///   the page of a batch.
  init(_ path: String, replacesExisting: Bool, besides jobs: [PlannedJob]) throws {
    guard path.lowercased().hasSuffix(".html") else {
      throw UsageError(
        "\(path.printable) is not the name of a page",
        hint: "use a name for \(setting: "report") that ends in .html")
    }
    self.path = path
    self.replacesExisting = try replacesExisting || Self.isPage(path)
    let folder = try FileSystem.resolved(FileSystem.parent(of: path))
    let name = FileSystem.baseName(of: path)
    for job in jobs where FileSystem.baseName(of: job.output) == name {
      guard try FileSystem.resolved(FileSystem.parent(of: job.output)) != folder else {
        throw UsageError(
          "\(path.printable) is the output of \(job.job.input.printable)",
          hint: "choose another name for \(setting: "report")")
      }
    }
    try ReportFile.check(
      path, replacesExisting: self.replacesExisting, inputs: jobs.flatMap(\.job.inputPaths))
  }

  /// Returns true if the file at `path` is the page of a batch.
  private static func isPage(_ path: String) throws -> Bool {
    guard try FileSystem.typeIfPresent(path) == .regular else { return false }
    let file = try InputFile(path: path)
    let start = try file.bytes(at: 0, count: min(headByteCount, file.byteCount))
    return String(decoding: start, as: UTF8.self).contains("<title>\(BatchPage.titleStart)")
  }

  func write(_ report: BatchReport) throws {
    let page = BatchPage(report.document).page
    try ReportFile.write(to: path, replacesExisting: replacesExisting) { try page.write(to: $0) }
  }
}
