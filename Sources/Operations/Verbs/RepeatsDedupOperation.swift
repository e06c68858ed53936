import Base
import Checkpoints
package import Repeats
import Reporting

/// Removes repeats from texts or tokens.
package struct RepeatsDedupOperation: Operation {
  package static let verb = "repeats dedup"

  package var data: DataSettings
  package var settings = DedupSettings()
  /// The path of the output; nil to write nothing.
  package var output: String?
  /// The path of a list of what is removed, as JSON lines.
  package var list: String?
  package var replacesExisting = false

  package init(data: DataSettings, output: String?) {
    (self.data, self.output) = (data, output)
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    try settings.check()
    try checkPaths()
    let corpus = try context.corpus(data)
    let target = try output.map {
      try CorpusOutput(
        corpus, to: $0, inputs: data.paths, replacesExisting: replacesExisting,
        removesRanges: settings.levels.contains(.ranges))
    }
    let group = OutputGroup()
    do {
      let report = try report(corpus, target, group, context)
      for warning in try group.commit() { context.observer.report(.warning(warning)) }
      return OperationResult(reports: [report])
    } catch {
      group.discard()
      throw error
    }
  }

  /// Checks before the work that the output and the list can be written.
  private func checkPaths() throws {
    guard let output else {
      guard list == nil else {
        throw UsageError(
          "a dry run writes no list",
          hint: "leave out \(setting: "removed") or \(setting: "dry-run")")
      }
      return
    }
    let inputs = TensorPath.files(of: data.paths)
    var errors: [any UserError] = []
    if try !CorpusOutput.isFolder(inputs: data.paths) {
      do {
        try ReportFile.check(output, replacesExisting: replacesExisting, inputs: inputs)
      } catch { errors.append(try asUserError(error)) }
    } else {
      do {
        try AtomicOutput(
          path: output, replacesExisting: replacesExisting,
          inputs: inputs.compactMap { try FileIdentity.ifPresent($0) }
        ).check(isDirectory: true)
      } catch { errors.append(try asUserError(error)) }
    }
    if let list {
      do {
        try ReportFile.check(list, replacesExisting: replacesExisting, inputs: inputs)
        guard list != output, !list.hasPrefix(output + "/") else {
          throw UsageError("\(list.printable) is in the output", hint: "choose another name for it")
        }
      } catch { errors.append(try asUserError(error)) }
    }
    try SeveralErrors.throwIfAny(errors)
  }

  private func report(
    _ corpus: Corpus, _ target: CorpusOutput?, _ group: OutputGroup, _ context: OperationContext
  ) throws -> DedupReport {
    guard let list else { return try report(corpus, target, group, context) { _ in } }
    var report: DedupReport?
    var file = AtomicOutput(path: list, replacesExisting: replacesExisting)
    file.group = group
    try file.writeFile { file in
      var lines: [UInt8] = []
      var byteCount = 0
      func flush() throws {
        let bytes = lines
        try file.write(bytes.rawSpan, at: byteCount)
        byteCount += bytes.count
        lines.removeAll(keepingCapacity: true)
      }
      report = try self.report(corpus, target, group, context) { entry in
        lines += Array((entry.serialized() + "\n").utf8)
        if lines.count >= 1 << 20 { try flush() }
      }
      try flush()
    }
    guard let report else { preconditionFailure("the body of a file runs once") }
    return report
  }

  private func report(
    _ corpus: Corpus, _ target: CorpusOutput?, _ group: OutputGroup, _ context: OperationContext,
    _ note: (JSONValue) throws -> Void
  ) throws -> DedupReport {
    var result = try Deduplication(
      corpus, settings, memory: context.memory.limit, temporaryFolder: context.temporaryFolder,
      parallel: Parallel(jobs: context.jobs, cancellation: context.cancellation))
    try result.removeRepeats(note)
    guard let target else {
      try result.countKept()
      return DedupReport(result, output: nil, list: nil)
    }
    let fileCount = try target.write(
      &result,
      CorpusOutput.Resources(
        jobs: context.jobs, memory: context.memory, cancellation: context.cancellation,
        progress: context.observer.progress), group: group)
    return DedupReport(result, output: (target.path, fileCount), list: list)
  }
}
