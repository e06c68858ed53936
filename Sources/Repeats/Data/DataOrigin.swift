import Base
import Checkpoints
import TokenData

/// The form of a file with documents, and the way to read it again.
struct DataOrigin: Sendable {
  enum Form: Sendable {
    /// Lines with JSON objects that have the text in a member.
    case objects(field: String)
    /// Each line that has something other than white space is a document.
    case lines
    /// The file is one document.
    case text
    /// The file is one document of ids without a header.
    case ids(TokenElement)
    /// Each row of a tensor is a document.
    case tensor(LazyTensor, Checkpoint)
  }

  let form: Form
  /// The files and folders that an output must not replace.
  let identities: [FileIdentity]
  /// The file, if it is a member of an archive. A file on disk is closed meanwhile, as there may be thousands.
  private let member: InputFile?

  init(_ form: Form, _ file: InputFile) throws {
    self.form = form
    let isOnDisk = (try? FileSystem.isRegularFile(file.path)) == true
    let identity = isOnDisk ? try FileIdentity.ifPresent(file.path) : file.identity
    identities = [identity].compactMap(\.self)
    member = isOnDisk ? nil : file
  }

  init(_ tensor: LazyTensor, of checkpoint: Checkpoint) {
    form = .tensor(tensor, checkpoint)
    identities = checkpoint.files
    member = nil
  }

  /// Opens the file again.
  /// - Throws: ``ChangedInputError`` if another file has its path now; ``FileError``.
  func open(_ path: String) throws -> InputFile {
    if let member { return member }
    let file = try InputFile(path: path)
    guard identities == [file.identity] else { throw ChangedInputError(path: path) }
    return file
  }
}
