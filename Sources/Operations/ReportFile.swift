import Base
import Checkpoints
import Containers
import SystemPackage

/// Writes a report to a file, completely or not at all.
///
/// Devices and pipes are written to directly.
package enum ReportFile {
  /// Checks before the work starts that a report can be written to the path.
  ///
  /// - Parameters:
  ///   - replacesExisting: True if an existing file is replaced.
  ///   - inputs: The paths of the inputs, which a report never replaces, nor a file inside them.
  package static func check(
    _ path: String, replacesExisting: Bool = false, inputs: [String] = []
  ) throws {
    guard try !isDevice(path) else { return }
    guard let type = try FileSystem.typeIfPresent(path) else {
      // Another process may create the file meanwhile.
      return try AtomicOutput(path: path, replacesExisting: replacesExisting)
        .check(isDirectory: false)
    }
    guard type != .directory else {
      throw OutputExistsError(path: path, reason: "is a folder, expected the name of a file")
    }
    guard replacesExisting else { throw OutputExistsError(path: path) }
    for input in inputs where try isOrHolds(input, path) {
      throw UsageError(
        "\(path.printable) is a file of the input \(input.printable)",
        hint: "choose another name with -o")
    }
  }

  /// Returns true if the file at `path` is the input, or is inside of the folder that is the input or, for the index of
  /// shards, that the index is in.
  private static func isOrHolds(_ input: String, _ path: String) throws -> Bool {
    let root = isShardIndex(input) ? FileSystem.parent(of: input) : input
    guard let identity = try FileIdentity.ifPresent(root) else { return false }
    var place = path
    while try FileIdentity.ifPresent(place) != identity {
      let parent = FileSystem.parent(of: place)
      guard parent != place, FileSystem.baseName(of: place) != ".." else { return false }
      place = parent
    }
    return true
  }

  /// Returns true for a file that a container of folders reads together with the folder it is in.
  private static func isShardIndex(_ path: String) -> Bool {
    // An input that cannot be opened is reported when it is read.
    guard let input = try? InputTree(path: path), !input.isFolder else { return false }
    return Containers.registry.outputs.contains { $0.isFolder && $0.recognizes(input) }
  }

  private static func isDevice(_ path: String) throws -> Bool {
    guard let stat = try FileSystem.targetIfPresent(path) else { return false }
    return stat.type != .regular && stat.type != .directory
  }

  /// Writes a report to a file, or to a device or pipe.
  package static func write(
    _ text: String, to path: String, replacesExisting: Bool = false
  ) throws {
    try write(to: path, replacesExisting: replacesExisting) { write in try write(text) }
  }

  /// Writes a report to a file, or to a device or pipe, in the pieces that `body` passes on.
  package static func write(
    to path: String, replacesExisting: Bool = false,
    _ body: ((String) throws -> Void) throws -> Void
  ) throws {
    guard try !isDevice(path) else { return try writeToDevice(path, body) }
    try check(path, replacesExisting: replacesExisting)
    let output = AtomicOutput(path: path, replacesExisting: replacesExisting)
    try output.writeFile { file in
      var (pieces, byteOffset) = ([UInt8](), 0)
      func flush() throws {
        let bytes = pieces
        try file.write(bytes.rawSpan, at: byteOffset)
        byteOffset += bytes.count
        pieces.removeAll(keepingCapacity: true)
      }
      try body { piece in
        pieces += piece.utf8
        if pieces.count >= pieceByteCount { try flush() }
      }
      try flush()
    }
  }

  /// Writes to a device or pipe.
  /// - Throws: ``FileError`` if it cannot be opened, written or closed, or the error of `body`.
  private static func writeToDevice(
    _ path: String, _ body: ((String) throws -> Void) throws -> Void
  ) throws {
    func checked<T>(_ work: () throws -> T) throws -> T {
      do { return try work() } catch { throw FileError("write", path, Errno(caught: error)) }
    }
    let file = try checked { try FileDescriptor.open(FilePath(path), .writeOnly) }
    do {
      try body { text in _ = try checked { try file.writeAll(text.utf8) } }
    } catch {
      try? file.close()
      throw error
    }
    try checked { try file.close() }
  }

  /// The number of bytes that are gathered before they are written to a file.
  private static let pieceByteCount = 1 << 16
}
