import Base
import Checkpoints
import Containers
import Glibc
import SystemPackage

/// The inputs of commands.
enum Inputs {
  /// Reads a checkpoint's headers and tells what should be known of them.
  static func read(_ path: String, global: GlobalOptions) throws -> Checkpoint {
    guard path != "-" else { return try spooled(global) }
    let checkpoint = try Containers.read(path)
    if !global.quiet {
      for note in checkpoint.notes { Terminal.warn(note, color: global.color) }
    }
    return checkpoint
  }

  /// What came of several inputs, those that failed left out.
  struct Batch<Result> {
    var results: [Result]
    /// The status to end with, if some input failed.
    var status: ExitStatus?
  }

  /// Does the same with each input; an error of one of several is told, and the others go on.
  static func each<Result>(
    _ paths: [String], global: GlobalOptions, _ body: (Checkpoint) throws -> Result
  ) throws -> Batch<Result> {
    guard paths.count != 1 else {
      return Batch(results: [try body(try read(paths[0], global: global))])
    }
    var batch = Batch<Result>(results: [])
    for path in paths {
      do { batch.results.append(try body(try read(path, global: global))) } catch {
        Terminal.report(try asUserError(error), isQuiet: global.quiet, color: global.color)
        batch.status = .partOfBatchFailed
      }
    }
    return batch
  }

  /// Standard input as a checkpoint, kept in a file without a name while the program runs.
  private static func spooled(_ global: GlobalOptions) throws -> Checkpoint {
    var checkpoint = try Containers.read(spool(global))
    checkpoint.path = standardInputName
    return checkpoint
  }

  static let standardInputName = "standard input"

  /// Keeps standard input in a file without a name; returns its path while the program runs.
  static func spool(_ global: GlobalOptions) throws -> String {
    guard isatty(0) == 0 else {
      throw UsageError("standard input is a terminal", hint: "name a file, or pipe one in")
    }
    let folder = global.temporaryFolder
    let file = try FileSystem.openUnnamedFile(in: folder)
    do {
      var buffer = [UInt8](repeating: 0, count: 1 << 18)
      while true {
        let count = try unsafe buffer.withUnsafeMutableBytes { bytes in
          // SAFETY: the array's own memory for the length of the call.
          try unsafe FileDescriptor.standardInput.read(into: bytes)
        }
        guard count > 0 else { break }
        try file.writeAll(buffer.prefix(count))
      }
    } catch {
      throw FileError("keep standard input in", folder, Errno(caught: error))
    }
    return "/proc/self/fd/\(file.rawValue)"
  }
}

extension GlobalOptions {
  /// `--tmpdir`, else `SUMAC_TMPDIR`, else `TMPDIR`, else `/tmp`.
  var temporaryFolder: String {
    if let tmpdir { return tmpdir }
    let variables = ["SUMAC_TMPDIR", "TMPDIR"].compactMap { Environment[$0] }
    return variables.first { !$0.isEmpty } ?? "/tmp"
  }
}
