import Archives
import Base
import Checkpoints

/// Writes the files of a folder as one archive.
package struct PackOperation: OutputOperation {
  package static let verb = "pack"

  package var folder: String
  package var output: OutputSettings

  package init(folder: String, output: OutputSettings) {
    self.folder = folder
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    guard let format = ArchiveFormat(path: output.path) else {
      throw UsageError(
        "cannot determine the format of an archive from the name \(output.path.printable)",
        hint: "use a name that ends with "
          + Message(ArchiveFormat.allCases.flatMap(\.suffixes).joined(separator: ", ")))
    }
    let input = try InputTree(path: folder, limit: context.catalogLimit(for: .output))
    guard input.isFolder else {
      throw UsageError(
        "\(folder.printable) is a file, and archives are made of folders",
        hint: "to store a model in fewer bytes, use: \(command: "convert")")
    }
    let files = try FolderFiles(input)
    var request = OutputRequest(
      archive: folder, byteCount: files.byteCount,
      files: files.files.map(\.file.identity) + input.identities)
    request.writer = (
      try ArchiveWriter(files, format, path: output.path), format.rawValue
    )
    return request
  }
}

extension OutputRequest {
  /// Creates a request for files that are not read as tensors.
  init(archive path: String, byteCount: Int, files: [FileIdentity]) {
    let checkpoint = Checkpoint(
      path: path, container: ContainerName(rawValue: "archive"), tensors: [],
      identity: InputIdentity(hash: "", byteCount: byteCount), files: files)
    self.init(options: [], inputs: [checkpoint], output: checkpoint, carried: [])
  }
}
