import Base
import Checkpoints
import SystemPackage

/// Writing the main output and its side outputs, which appear together.
extension OutputRun {
  /// Writes the outputs.
  /// - Parameter extras: The side outputs, such as masks.
  /// - Returns: The allotment of the main output.
  func write(_ job: OutputJob, extras: [OutputJob]) throws -> OutputJob.Outcome {
    let group = OutputGroup()
    do {
      let outcome = try write(job, group)
      for extra in extras { try write(extra, besides: job, group) }
      try context.cancellation.check()
      for warning in try group.commit() { context.observer.report(.warning(warning)) }
      return outcome
    } catch {
      group.discard()
      throw error
    }
  }

  private func write(_ job: OutputJob, _ group: OutputGroup?) throws -> OutputJob.Outcome {
    try job.run(
      jobs: context.jobs, memory: context.memory, cancellation: context.cancellation,
      progress: context.observer.progress, group: group)
  }

  /// Writes a side output: into the folder that is the main output if its path is inside, otherwise beside it.
  private func write(
    _ extra: OutputJob, besides job: OutputJob, _ group: OutputGroup
  ) throws {
    guard case .path(let side) = extra.output, case .path(let main) = job.output,
      job.writer.isDirectory,
      let inner = try SideOutput.relativePath(of: side.path, inside: main.path),
      let folder = group.temporaryPath(of: main.path)
    else {
      _ = try write(extra, group)
      return
    }
    let path = folder + "/" + inner
    try StagedDirectory.createFolders(of: inner, in: folder)
    _ = try write(extra.moved(to: path), nil)
    try FileSystem.syncDirectory(folder)
  }
}

/// An output that a command writes in addition to its main one.
enum SideOutput {
  /// Returns the path of a side output relative to the main output; nil if it is not inside.
  static func relativePath(of path: String, inside folder: String) throws -> String? {
    guard folder != OutputJob.standardOutputName else { return nil }
    let wanted = try FileIdentity.ifPresent(folder)
    let absolute = try absolutePath(folder)
    var inner: [String] = []
    var rest = FilePath(path)
    while let last = rest.lastComponent, inner.count < RelativePath.maximumByteCount {
      inner.insert(last.string, at: 0)
      rest.removeLastComponent()
      let outer = rest.isEmpty ? "." : rest.string
      let isFolder =
        if let wanted { try FileIdentity.ifPresent(outer) == wanted } else {
          try absolutePath(outer) == absolute
        }
      if isFolder { return inner.joined(separator: "/") }
    }
    return nil
  }

  /// Returns the absolute path without `.` and `..`; links are not followed.
  private static func absolutePath(_ path: String) throws -> FilePath {
    let path = FilePath(path)
    guard !path.isAbsolute else { return path.lexicallyNormalized() }
    return FilePath(try FileSystem.resolved(".")).appending(path.components).lexicallyNormalized()
  }

  /// Returns an error for each side output that has the name of a file of the main output.
  static func errors(_ paths: [String], besides job: OutputJob) throws -> [any UserError] {
    guard job.writer.isDirectory, case .path(let main) = job.output else { return [] }
    let files = Set((job.plan.rows.map(\.file) + job.plan.companions).map { UTF8Key($0) })
    return try paths.compactMap { path in
      guard let inner = try relativePath(of: path, inside: main.path),
        files.contains(UTF8Key(inner))
      else { return nil }
      return UsageError(
        "\(path.printable) is a file of the output itself", hint: "choose another name for it")
    }
  }
}
