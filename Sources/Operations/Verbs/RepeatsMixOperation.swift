import Base
import Checkpoints
package import Repeats
import Reporting
import Tokenizers

/// Builds a mixture of tokens with a share of repeats.
package struct RepeatsMixOperation: Operation {
  package static let verb = "repeats mix"

  package var data: DataSettings
  package var settings: MixSettings
  /// The path of the tokenizer for texts.
  package var tokenizer: String?
  /// The token that is put after each text.
  package var separator: String?
  /// The path of the output; nil to write nothing.
  package var output: String?
  /// The path of the manifest, as JSON.
  package var manifest: String?
  package var replacesExisting = false

  package init(data: DataSettings, settings: MixSettings, output: String?) {
    (self.data, self.settings, self.output) = (data, settings, output)
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    try settings.check()
    try checkPaths()
    let tokenizer = try tokenizer.map { try Tokenizer.load(from: InputFile(path: $0)) }
    let separator = try separatorID(tokenizer)
    let corpus = try context.corpus(data)
    try checkUnit(corpus, tokenizer)
    let target = try output.map {
      try MixOutput(
        corpus, to: $0, idLimit: tokenizer?.idLimit, inputs: inputs,
        replacesExisting: replacesExisting)
    }
    let parallel = Parallel(jobs: context.jobs, cancellation: context.cancellation)
    let tokens =
      try tokenizer.map {
        try TokenizedCorpus.tokens(
          of: corpus, $0, separator: separator, memory: context.memory.limit,
          temporaryFolder: context.temporaryFolder, parallel: parallel)
      } ?? corpus
    let mix = try TokenMix(
      tokens, settings, isPacked: tokenizer != nil, memory: context.memory.limit,
      parallel: parallel)
    let report = MixReport(
      mix, data: corpus, tokenizer: self.tokenizer, output: target.map { ($0.path, $0.integer) },
      manifest: target == nil ? nil : manifest)
    if let target { try write(mix, report, target, context) }
    return OperationResult(reports: [report])
  }

  private var inputs: [String] { TensorPath.files(of: data.paths) + [tokenizer].compactMap(\.self) }

  /// Checks before the work that the output and the manifest can be written.
  private func checkPaths() throws {
    guard let output else {
      guard manifest == nil else {
        throw UsageError(
          "a dry run writes no manifest",
          hint: "leave out \(setting: "manifest") or \(setting: "dry-run")")
      }
      return
    }
    var errors: [any UserError] = []
    for path in [output] + [manifest].compactMap(\.self) {
      do {
        try ReportFile.check(path, replacesExisting: replacesExisting, inputs: inputs)
      } catch { errors.append(try asUserError(error)) }
    }
    if manifest == output {
      errors.append(UsageError("the output and its manifest have one name, \(output.printable)"))
    }
    try SeveralErrors.throwIfAny(errors)
  }

  private func separatorID(_ tokenizer: Tokenizer?) throws -> Int32? {
    guard let separator else { return nil }
    guard let tokenizer else {
      throw UsageError(
        "\(setting: "separator") is a token of a tokenizer",
        hint: "name it with \(setting: "tokenizer")")
    }
    guard let id = tokenizer.id(of: separator) else {
      throw UsageError("\(tokenizer.path.printable) has no token '\(separator.printable)'")
    }
    return id
  }

  private func checkUnit(_ corpus: Corpus, _ tokenizer: Tokenizer?) throws {
    let names = data.paths.prefix(3).map(\.printable).joined(separator: ", ")
    switch (corpus.unit, tokenizer) {
    case (.byte, nil):
      throw UsageError(
        "\(names): texts have to be tokenized",
        hint: "name a tokenizer.json with \(setting: "tokenizer")")
    case (.token, .some):
      throw UsageError(
        "\(names): these are tokens, which need no tokenizer",
        hint: "leave out \(setting: "tokenizer")")
    case (.byte, .some), (.token, nil): break
    }
  }

  private func write(
    _ mix: TokenMix, _ report: MixReport, _ target: MixOutput, _ context: OperationContext
  ) throws {
    let group = OutputGroup()
    do {
      try target.write(
        mix,
        CorpusOutput.Resources(
          jobs: context.jobs, memory: context.memory, cancellation: context.cancellation,
          progress: context.observer.progress), group: group)
      if let manifest { try write(report, to: manifest, group) }
      for warning in try group.commit() { context.observer.report(.warning(warning)) }
    } catch {
      group.discard()
      throw error
    }
  }

  private func write(_ report: MixReport, to path: String, _ group: OutputGroup) throws {
    var output = AtomicOutput(path: path, replacesExisting: replacesExisting)
    output.group = group
    try output.writeFile { file in
      var byteCount = 0
      try report.writeManifest { text in
        let bytes = Array(text.utf8)
        try file.write(bytes.rawSpan, at: byteCount)
        byteCount += bytes.count
      }
    }
  }
}
