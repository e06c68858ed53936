import Archives
import Base
import Checkpoints

/// Writes the files of an archive into a folder.
package struct UnpackOperation: OutputOperation {
  package static let verb = "unpack"

  package var archive: String
  package var output: OutputSettings

  package init(archive: String, output: OutputSettings) {
    self.archive = archive
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    guard output.path != OutputJob.standardOutputName else {
      throw UsageError("an archive is unpacked into a folder", hint: "name a folder with -o")
    }
    let input = try InputTree(path: archive, limit: context.catalogLimit(for: .output))
    let extraction = try ArchiveExtraction(input)
    let file = try input.openNamedFile()
    var request = OutputRequest(
      archive: archive, byteCount: file.byteCount, files: [file.identity])
    request.writer = (extraction, "folder")
    return request
  }
}
