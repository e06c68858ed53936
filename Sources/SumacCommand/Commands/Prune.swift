import ArgumentParser
import Base
import Checkpoints
import Codecs
import Containers
import PackedFormat
import Packing
import Pruning
import Reporting
import Statistics
import TensorCore

struct Prune: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    abstract: "Set weights to zero: as many as a model's compressibility allows, or as you say.",
    discussion: """
      By the PQ Index (pqi) the weights themselves tell how many can go; the other methods drop a share \
      or a pattern. Pruned are tensors of two dimensions or more with 'weight' in their last name part, \
      or those that --include names. In .sumac a pruned tensor takes less room; in other formats zeros \
      take as much as any number.

      Examples:
        sumac prune model/ -o pruned.sumac
        sumac prune model.safetensors -o pruned.safetensors --p 1 --q 2 --scope layer
        sumac prune model/ -o half.sumac --by magnitude --amount 50%
        sumac prune model/ -o sparse24/ --by nm --pattern 2:4
        sumac prune trained.safetensors -o ticket.safetensors --rewind initial.safetensors
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Method") var method: PruneFlags
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags

  @Option(
    help: ArgumentHelp(
      "Write which weights are kept, as U8 tensors.", valueName: "file"), completion: .file())
  var saveMask: String?

  @Option(
    help: ArgumentHelp(
      "Keep the weights of this checkpoint instead, and all its other tensors (lottery ticket).",
      valueName: "initial"), completion: .file())
  var rewind: String?

  @Option(
    help: ArgumentHelp(
      "Global scope: write what this shard tells of the common threshold, and prune nothing.",
      valueName: "file"), completion: .file())
  var surveyOut: String?

  @Option(
    help: ArgumentHelp(
      "Global scope: the surveys of all shards, of the last round; repeat for each.",
      valueName: "file"), completion: .file())
  var surveyIn: [String] = []

  @Option(help: "How to print the summary: text, json, jsonl, csv or markdown.")
  var format = ReportFormat.text

  @Flag(help: "Short for --format json.")
  var json = false

  @Argument(
    help: ArgumentHelp("A .safetensors or .sumac file, a shard index, or a model folder."),
    completion: .file())
  var input: String

  func validate() throws { if surveyOut == nil { try writer.requireOutput() } }

  func run() throws {
    let checkpoint = try Inputs.read(input, global: global)
    let norms = try method.norms.map { try Inputs.read($0, global: global) }
    let mask = try method.mask.map { try Inputs.read($0, global: global) }
    let initial = try rewind.map { try Inputs.read($0, global: global) }
    let (pruning, found) = method.pruning(
      selection: try selectionFlags.selection(arguments: CommandLine.arguments), norms: norms,
      mask: mask)
    var errors = found + pruning.errors(for: checkpoint)
    if let initial { errors += pruning.errors(rewinding: checkpoint, to: initial) }
    errors += surveyErrors(pruning)
    let inputs = [checkpoint] + [norms, mask, initial].compactMap(\.self)
    let command = OutputCommand(global: global, writer: writer)
    let unpruned = encoded(initial ?? checkpoint, pruning.places(in: checkpoint), checkpoint)
    if surveyOut != nil {
      try SeveralErrors.throwIfAny(errors + checkpoint.tensors.compactMap(\.fault))
    } else {
      try command.check(
        verb: "prune", options: pruning.options, inputs: inputs, output: unpruned, errors: errors)
      try checkMaskOutput(inputs)
    }
    guard !writer.dryRun else {
      return try command.run(
        verb: "prune", options: pruning.options, inputs: inputs, output: unpruned, errors: [])
    }
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    let engine = try global.engine(
      workerByteCount: pruning.workspaceByteCount(checkpoint),
      fixedByteCount: pruning.fixedByteCount(checkpoint), cancellation: cancellation)
    engine.progress.begin(
      tensors: checkpoint.tensors.count,
      byteCount: pruning.passCount * pruning.valueByteCount(checkpoint))
    var outcome: PruningOutcome?
    do {
      defer { engine.progress.end() }
      outcome = try self.outcome(pruning, checkpoint, engine)
    }
    guard let outcome else { return }
    let pruned = pruning.applied(to: checkpoint, outcome, rewindingTo: initial)
    let output = encoded(pruned, outcome.places, checkpoint)
    if let saveMask {
      try writeMask(try pruning.masks(of: checkpoint, outcome), to: saveMask, pruning, inputs)
    }
    try command.run(
      verb: "prune", options: pruning.options, inputs: inputs, output: output, errors: [],
      notes: notes(checkpoint, outcome))
    try report(outcome, pruning, output, checkpoint)
  }

  /// What is kept; nil if a survey was written instead.
  private func outcome(
    _ pruning: Pruning, _ checkpoint: Checkpoint, _ engine: Engine
  ) throws -> PruningOutcome? {
    guard surveyOut != nil || !surveyIn.isEmpty,
      case .amount(let amount, _, let iterations) = pruning.selecting
    else {
      return try pruning.outcome(
        for: checkpoint,
        recordsDecisions: json || format == .json || format == .jsonl
          || method.by == .pqi, engine: engine)
    }
    var state = GroupState()
    if !surveyIn.isEmpty {
      let files = try surveyIn.map { (path: $0, file: try SurveyFile(path: $0)) }
      guard files[0].file.options == pruning.options else {
        throw UsageError(
          "\(files[0].path.printable): was made with other options than these",
          hint: "prune with the options of the survey")
      }
      let seen = Set(files.flatMap(\.file.tensors).map { UTF8Key($0.name) })
      for place in pruning.places(in: checkpoint) {
        let name = checkpoint.tensors[place].name
        guard seen.contains(UTF8Key(name)) else {
          throw UsageError(
            "tensor '\(name.printable)' is in none of the surveys",
            hint: "give the survey of this shard as well")
        }
      }
      state = try SurveyFile.state(after: files, amount: amount, iterations: iterations)
    }
    guard let surveyOut else {
      guard state.isDone(after: iterations) else {
        throw UsageError(
          "these surveys do not tell the threshold yet: round \(state.round) of \(2 * iterations) is next",
          hint: "run it on each shard, with the same --survey-in and a --survey-out")
      }
      return try pruning.outcome(
        for: checkpoint, state, amount: amount, iterations: iterations, engine: engine)
    }
    guard !state.isDone(after: iterations) else {
      throw UsageError(
        "the surveys are complete", hint: "leave out --survey-out, and prune with -o")
    }
    let survey = try SurveyFile(
      pruning, checkpoint, state: state, amount: amount, iterations: iterations, engine: engine)
    try ReportFile.write(survey.json.serialized() + "\n", to: surveyOut)
    if !global.quiet {
      Terminal.note(
        "\(surveyOut.printable): round \(state.round) of \(2 * iterations), "
          + survey.tensors.count.counted("tensor"))
    }
    return nil
  }

  private func surveyErrors(_ pruning: Pruning) -> [any UserError] {
    var errors: [any UserError] = []
    if let surveyOut {
      do { try ReportFile.check(surveyOut) } catch {
        if let error = error as? any UserError { errors.append(error) }
      }
    }
    guard surveyOut != nil || !surveyIn.isEmpty else { return errors }
    if case .amount(let amount, .global, _) = pruning.selecting {
      if case .exactly = amount {
        errors.append(UsageError("--by \(method.by.rawValue) has no surveys; use pqi or magnitude"))
      }
    } else {
      errors.append(
        UsageError("surveys are for --scope global: other scopes need no other shard"))
    }
    return errors
  }
}

extension Prune {
  /// Stores tensors in scope as what is smaller, with their zeros or without.
  private func encoded(
    _ output: Checkpoint, _ places: [Int], _ input: Checkpoint
  ) -> Checkpoint {
    let names = Set(places.map { UTF8Key(input.tensors[$0].name) })
    var result = output
    for place in result.tensors.indices where names.contains(UTF8Key(result.tensors[place].name)) {
      guard SparseAutoEncoding.applies(to: result.tensors[place].info) else { continue }
      result.tensors[place].storage = .losslessOrSparse
    }
    return result
  }

  private func notes(_ checkpoint: Checkpoint, _ outcome: PruningOutcome) -> [String] {
    let lossy = outcome.places.map { checkpoint.tensors[$0] }.filter(\.record.isLossy)
    guard let first = lossy.first else { return [] }
    return [
      "\(lossy.count.counted("tensor")) stored with loss, such as '\(first.name.printable)' "
        + "(\(first.stored.label)), will be stored without: the values as they are read, and zeros"
    ]
  }

  private func checkMaskOutput(_ inputs: [Checkpoint]) throws {
    guard let saveMask else { return }
    try AtomicOutput(path: saveMask, replacesExisting: writer.force).check(
      isDirectory: try Containers.output(forPath: saveMask).isFolder,
      inputs: inputs.flatMap(\.files))
    guard saveMask != writer.output else {
      throw UsageError("--save-mask and --output are the same file")
    }
  }

  private func writeMask(
    _ masks: Checkpoint, to path: String, _ pruning: Pruning, _ inputs: [Checkpoint]
  ) throws {
    var masks = masks
    for place in masks.tensors.indices where masks.tensors[place].info.elementCount > 0 {
      masks.tensors[place].storage = .losslessOrSparse
    }
    let lineage = Lineage(
      verb: "prune mask", options: pruning.options, versions: Versions.shapingOutput,
      inputs: inputs)
    let job = try OutputJob(
      masks, to: path, container: Containers.output(forPath: path),
      options: WriterOptions(lineage: writer.leavesOutLineage ? nil : lineage),
      replacesExisting: writer.force)
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    try job.run(
      jobs: global.jobCount, memory: MemoryBudget(limit: global.memory.size.byteCount),
      cancellation: cancellation, progress: global.makeProgress())
  }

  private func report(
    _ outcome: PruningOutcome, _ pruning: Pruning, _ output: Checkpoint, _ input: Checkpoint
  ) throws {
    guard !global.quiet || json, writer.output != OutputJob.standardOutputName else { return }
    var bytes = PruningReport.Bytes(
      input: input.fileByteCount, output: try FileSystem.byteCount(ofTree: writer.output))
    if (try? writer.container)?.holdsTerms != true {
      bytes.packed = try PackedSizeEstimate.byteCount(of: output.tensors)
    }
    let report = PruningReport(outcome, pruning, bytes: bytes)
    try StandardOutput.write(
      report.rendered(as: json ? .json : format, width: StandardOutput.width))
  }
}
