package import Base
import SystemPackage

/// Something that a failed download left in place of a file.
package enum DownloadFault: Sendable, Equatable {
  /// The pointer that Git stores for a file which Git LFS keeps elsewhere, with the length of that file.
  case lfsPointer(byteCount: Int?)
  /// A text, such as the error page of a server.
  case text(kind: String, start: String)

  private static let examinedByteCount = 512
  private static let jsonKind = "JSON text"

  /// Examines the start of a file; returns nil if it is not text.
  package init?(in file: InputFile) throws {
    let bytes = try file.bytes(at: 0, count: min(Self.examinedByteCount, file.byteCount))
    guard !bytes.isEmpty, bytes.allSatisfy(Self.isText) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    // The last character may be cut.
    guard !text.dropLast().contains("\u{FFFD}") else { return nil }
    if text.hasPrefix("version https://git-lfs.github.com/spec/") {
      let size = text.split(separator: "\n").first { $0.hasPrefix("size ") }
      self = .lfsPointer(byteCount: size.flatMap { Int($0.dropFirst(5)) })
      return
    }
    let start = String(text.drop(while: \.isWhitespace).prefix { !$0.isNewline }.prefix(60))
    self = .text(kind: Self.kind(of: start.lowercased()), start: start)
  }

  private static func isText(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte != 0x7F) || [0x09, 0x0A, 0x0D].contains(byte)
  }

  private static func kind(of start: String) -> String {
    switch start {
    case let text where text.hasPrefix("<!doctype html") || text.hasPrefix("<html"): "an HTML page"
    case let text where text.hasPrefix("<"): "an XML page"
    case let text where text.hasPrefix("{") || text.hasPrefix("["): jsonKind
    default: "text"
    }
  }

  /// Returns true for what no user takes for another file: a pointer or a page of a server.
  var isCertain: Bool {
    switch self {
    case .lfsPointer: true
    case .text(let kind, _): kind == "an HTML page"
    }
  }

  func error(path: String) -> FormatError {
    switch self {
    case .lfsPointer(let byteCount):
      let size = byteCount.map { " of \($0.grouped) bytes" } ?? ""
      return FormatError(
        .lfsPointer, "is a Git LFS pointer in place of the file\(size)", path: path,
        hint: "run 'git lfs pull' in the folder, or download the file again")
    case .text(let kind, let start):
      return FormatError(
        .downloadedText, "is \(kind), not a model: \(start.printable)", path: path,
        hint: "the server sent a page instead of the file; download it again, with a token if it "
          + "needs one")
    }
  }

  /// Returns the error to report if `file` is not what its name says because a download failed; nil if there is
  /// no sign of that.
  /// - Parameter expectsJSON: True if the file should be JSON text.
  package static func error(
    in file: InputFile, expectsJSON: Bool = false
  ) throws -> FormatError? {
    guard let fault = try DownloadFault(in: file) else { return nil }
    if expectsJSON, case .text(Self.jsonKind, _) = fault { return nil }
    return fault.error(path: file.path)
  }
}

/// A link to a file that does not exist, as in a folder of the Hugging Face cache after its blobs were deleted.
enum BrokenLink {
  /// Runs `body`, and throws an error that names the link if it fails because `path` is a broken link.
  static func explained<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as FileError {
      guard error.errno == .noSuchFileOrDirectory,
        try FileSystem.typeIfPresent(path) == .symbolicLink
      else { throw error }
      throw FormatError(
        .brokenLink, "is a link to a file that does not exist", path: path,
        hint: "download the file again")
    }
  }
}

extension FormatError.Code {
  package static let lfsPointer = FormatError.Code(
    "download.lfs-pointer",
    meaning: "The file is the pointer that Git LFS leaves where it did not fetch the file.",
    remedy: "Run git lfs pull in the folder, or download the file again.")
  package static let downloadedText = FormatError.Code(
    "download.text",
    meaning: "The file is text, such as an error page that a server sent in its place.",
    remedy: "Download the file again, and sign in first if the model needs it.")
  package static let brokenLink = FormatError.Code(
    "download.broken-link",
    meaning: "The file is a link to a file that does not exist.",
    remedy: "Download the file again, or restore the file that the link names.")
}
