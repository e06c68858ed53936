import Base
import Checkpoints
import Containers
import Inspection
import ModelDirectories

/// Examines a folder that is not a model: which of its files and subfolders can be read.
struct FolderListing {
  private static let maximumDepth = 4
  static let maximumPartCount = 10_000

  private var parts: [FolderReport.Part] = []
  private var otherFileCount = 0
  private var isPartial = false
  /// True if there are more parts than are listed.
  private(set) var isCut = false
  private let input: InputTree

  init(_ input: InputTree) throws {
    self.input = input
    try examine("", depth: 0)
  }

  var report: FolderReport {
    FolderReport(
      path: input.path, parts: parts, otherFileCount: otherFileCount, isPartial: isPartial)
  }

  /// The paths of the parts that can be read, inside the folder.
  var models: [String] {
    parts.filter { $0.command != nil }.map { part in
      part.path.hasSuffix("/") ? String(part.path.dropLast()) : part.path
    }
  }

  private mutating func examine(_ folder: String, depth: Int) throws {
    for entry in try input.entries(in: folder) {
      guard parts.count < Self.maximumPartCount else {
        isPartial = true
        isCut = true
        return
      }
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      switch entry.kind {
      case .file where !entry.name.hasPrefix("."): try examineFile(path)
      case .folder where entry.name.hasPrefix("."): continue
      case .folder: try examineFolder(path, depth: depth)
      case .linkedFolder: isPartial = true
      case .file, .linkedFile, .brokenLink, .other: otherFileCount += 1
      }
    }
  }

  private mutating func examineFolder(_ path: String, depth: Int) throws {
    if try Containers.hasWeights(input.subfolder(path)) {
      parts.append(
        FolderReport.Part(
          path: path + "/", format: "model folder", byteCount: nil, command: command(path)))
    } else if depth < Self.maximumDepth {
      try examine(path, depth: depth + 1)
    } else {
      isPartial = true
    }
  }

  private mutating func examineFile(_ path: String) throws {
    // A file that cannot be opened is no reason to stop listing.
    let file = try? input.file(path)
    let format = file.flatMap(Containers.registry.format)
    guard format != nil || WeightFileNames.mayContainTensors(path) else {
      otherFileCount += 1
      return
    }
    parts.append(
      FolderReport.Part(
        path: path, format: format?.rawValue, byteCount: try file?.openNamedFile().byteCount,
        command: format == nil ? nil : command(path)))
  }

  private func command(_ path: String) -> String {
    "sumac inspect " + Self.quoted(input.path(of: path))
  }

  /// Returns a path as a shell reads it.
  private static func quoted(_ path: String) -> String {
    let isPlain = path.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B...0x2F, 0x3A, 0x3D, 0x40, 0x5F: true
      default: false
      }
    }
    let text = path.printable
    return isPlain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
  }
}

extension OperationContext {
  /// Returns a listing of a folder that has no weights of its own; rethrows any other error of reading it.
  func listing(ofFolder path: String, after error: FormatError) throws -> FolderReport {
    guard [.noWeights, .severalModels, .hubCache].contains(error.code) else { throw error }
    let input = try InputTree(path: path, limit: catalogLimit(for: .report), choice: choice)
    guard input.isFolder else { throw error }
    return try FolderListing(input).report
  }
}
