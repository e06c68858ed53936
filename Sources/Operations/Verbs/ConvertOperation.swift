import Base
import Checkpoints
import Codecs
import Conversion
import Models
import PackedFormat
import Packing
import TensorCore
import Zstd

/// Writes a checkpoint in another format, dtype or storage.
package struct ConvertOperation: OutputOperation {
  package static let verb = "convert"

  package var input: String
  package var output: OutputSettings
  package var dtype: FloatType?
  /// True if values beyond the dtype's range become its largest value instead of infinity.
  package var isSaturating = false
  /// Patterns of the names of tensors to omit.
  package var drop: [String] = []
  /// The path of a `.sumac` file whose tensors come first, unchanged.
  package var appendTo: String?
  package var storage = StorageSettings()
  package var selection = SelectionSettings()
  /// The text on which the output is compared with the input; nil to compare nothing.
  package var evaluation: EvaluationSettings?

  package init(input: String, output: OutputSettings) {
    self.input = input
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let checkpoint = try context.read(input)
    let selection = try selection.selection()
    var choice = try storage.typeChoice()
    let calibration = try storage.calibration.map { try context.read($0, for: .report) }
    choice?.statistics = try calibration.map { try InputStatistics($0) }
    let conversion = Conversion(
      dtype: dtype?.dtype, saturating: isSaturating, drop: drop.map(Glob.init),
      selection: selection, storage: try storage.choice(selection: selection))
    let converted = try sharing(
      conversion.storage.untying(conversion.applied(to: checkpoint)), conversion.storage, context)
    let errors =
      conversion.errors(for: checkpoint) + storage.errors(output: output)
      + (choice?.statistics?.errors(for: checkpoint) ?? [])
    let base = try appendTo.map(context.read)
    let stored = conversion.storage.applied(to: converted)
    var request = OutputRequest(
      options: conversion.lineageOptions,
      inputs: [base, checkpoint, calibration].compactMap(\.self),
      output: stored.checkpoint, errors: errors,
      notes: conversion.castNotes(for: checkpoint) + (choice == nil ? stored.notes : []),
      carried: [base, checkpoint].compactMap(\.self))
    if choice == nil {
      request.facts = [conversion.storage.scopeSummary(for: converted)].compactMap(\.self)
    }
    if let base {
      request.verb = "append"
      request.errors += appendingErrors(adding: stored.checkpoint, to: base)
      let result = Appending.result(adding: stored.checkpoint, to: base)
      request.output = result.checkpoint
      request.notes += result.notes
    }
    if let choice {
      request.survey = try survey(choice, conversion.storage, converted, base: base)
      request.split = split(choice, conversion.storage, converted, base: base)
    }
    try request.evaluate(evaluation, against: checkpoint, output, context)
    return request
  }

  /// Returns the checkpoint with aliases for tensors of equal bytes, if the output stores aliases.
  private func sharing(
    _ checkpoint: Checkpoint, _ storage: StorageChoice, _ context: OperationContext
  ) throws -> Checkpoint {
    guard output.keepsAliases, (try? output.container.holdsTerms) == true,
      checkpoint.tensors.allSatisfy({ $0.fault == nil })
    else { return checkpoint }
    let roles = TensorRoles(checkpoint)
    let demand = MemoryBudget.Demand(
      fixedByteCount: 0,
      workerByteCount: Engine.workspaceByteCount(of: checkpoint.tensors, extra: { _ in 0 }))
    let duplicates = try context.withEngine(.survey, demand, byteCount: 0) { engine in
      try Duplicates(checkpoint, engine: engine) { first, second in
        storage.recipe(for: first, roles) == storage.recipe(for: second, roles)
          && storage.applies(to: first, roles) == storage.applies(to: second, roles)
          && roles.rows(of: first.info) == roles.rows(of: second.info)
      }
    }
    if !duplicates.targets.isEmpty {
      let count = duplicates.targets.count
      context.observer.report(
        .note(
          "\(count.counted("tensor")) with the bytes of another \(count == 1 ? "is" : "are") stored as "
            + "\(count == 1 ? "its alias" : "aliases"), which saves \(ByteSize(duplicates.byteCount)) of values"
        ))
    }
    return duplicates.applied(to: checkpoint)
  }

  private func appendingErrors(
    adding addition: Checkpoint, to base: Checkpoint
  ) -> [any UserError] {
    var errors = Appending.errors(adding: addition, to: base)
    if let container = try? output.container, !container.holdsTerms {
      errors.append(
        UsageError(
          "\(setting: "append-to") writes a .sumac file, but \(output.path.printable) is not a .sumac file"
        ))
    }
    return errors
  }

  // MARK: Targets

  /// Returns the survey that tries every candidate type on every weight.
  private func survey(
    _ choice: TypeChoice, _ storage: StorageChoice, _ checkpoint: Checkpoint, base: Checkpoint?
  ) throws -> OutputSurvey {
    let compression = output.compression ?? .fast
    let encoder = ChunkEncoder(zstd: Zstd(), compression: compression)
    return OutputSurvey(
      .choose,
      MemoryBudget.Demand(
        fixedByteCount: choice.statistics?.byteCount ?? 0,
        workerByteCount: TypeChoice.workerByteCount(
          checkpoint, storage: storage, candidates: choice.candidates, encoder: encoder)),
      tensorCount: checkpoint.tensors.count,
      byteCount: TypeChoice.triedByteCount(
        checkpoint, storage: storage, candidates: choice.candidates, encoder: encoder),
      isNeededForPlan: true
    ) { [companions = output.companions] engine, options in
      // Other files count as part of the size.
      let whole = companions.applied(to: checkpoint)
      let result = try choice.fitted(
        checkpoint, storage: storage, compression: compression, engine: engine
      ) { types in
        try Self.byteCount(whole, storage, types, options, engine)
      }
      var chosen = storage
      chosen.chosen = result.types
      let stored = chosen.applied(to: checkpoint)
      let bits = Double(8 * result.byteCount) / Double(max(1, checkpoint.parameterCount))
      var surveyed = SurveyedOutput(
        byteCount: base == nil ? result.fileByteCount : nil,
        output: base.map { Appending.result(adding: stored.checkpoint, to: $0).checkpoint }
          ?? stored.checkpoint)
      if let note = result.note { surveyed.notices.append(.warning(note)) }
      surveyed.notices.append(
        .note("types chosen for \(bits.fixed(decimals: 3)) bits per weight"))
      if let scope = chosen.scopeSummary(for: checkpoint) { surveyed.notices.append(.note(scope)) }
      surveyed.notices += stored.notes.map(OperationNotice.warning)
      return surveyed
    }
  }

  /// Returns the length of the file with these types, measured by writing it to a counting sink.
  private static func byteCount(
    _ checkpoint: Checkpoint, _ storage: StorageChoice, _ types: [UTF8Key: StorageType],
    _ options: WriterOptions, _ engine: Engine
  ) throws -> Int {
    var tried = storage
    tried.chosen = types
    // The choice is the same for one file and for shards, whose headers and index come in addition.
    var options = options
    if let last = options.lineage?.steps.indices.last {
      options.lineage?.steps[last].options.removeAll { $0.name == "shard-size" }
    }
    let sink = CountingSink()
    // The losses of other types are not part of this file.
    let engine = Engine(
      workers: engine.workers, cancellation: engine.cancellation, progress: engine.progress)
    try PackedCheckpointWriter(tried.applied(to: checkpoint).checkpoint, options: options)
      .write(to: sink, engine: engine)
    return sink.byteCount
  }
}
