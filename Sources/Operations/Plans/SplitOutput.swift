import Base
import Checkpoints
import Containers
import TensorCore

/// An output that tasks make, as every process plans it from the same headers and settings.
struct SplitOutput: Sendable {
  /// Some of the identified tensors of an input.
  struct IdentifiedPart: Sendable {
    var input: Int
    var tensors: Range<Int>
    var byteCount: Int
  }

  /// The number of bytes of a task of a map, if no option states it.
  static let standardTaskByteCount = 5_000_000_000

  private(set) var run: OutputRun
  let survey: SplitSurvey
  /// The writer that knows headers only.
  let writer: any PartitionedWriter
  let identifiedParts: [IdentifiedPart]
  /// The items that each task of a round reads.
  let surveyedParts: [[SplitSurvey.Item]]

  var request: OutputRequest { run.request }
  private var context: OperationContext { run.context }

  /// Plans an output from headers.
  /// - Parameter checksOutput: False if the output may exist, because a task of the plan may have made it.
  /// - Throws: All errors that headers show, and an error for an option that cannot be divided.
  init(
    _ operation: some OutputOperation, taskByteCount: Int, checksOutput: Bool,
    _ context: OperationContext
  ) throws {
    let verb = type(of: operation).verb
    let request = try operation.request(context)
    run = OutputRun(request, verb: verb, operation.output, context)
    survey = try Self.survey(of: run.request, verb: verb)
    writer = try Self.writer(run, checksOutput: checksOutput)
    identifiedParts =
      operation.output.recordsLineage
      ? Self.identifiedParts(request.inputs, taskByteCount: taskByteCount) : []
    let items = survey.rounds?.items ?? []
    surveyedParts = items.map(\.byteCount).cut(at: taskByteCount).map { Array(items[$0]) }
  }

  // MARK: Plan

  private static func survey(of request: OutputRequest, verb: String) throws -> SplitSurvey {
    if !request.sidePaths.isEmpty {
      throw refusal(
        verb, "it writes \(request.sidePaths.map(\.printable).joined(separator: ", ")) too")
    }
    guard request.writer == nil else { throw refusal(verb, "it writes the files of a cache") }
    switch request.split {
    case .refused(let reason): throw refusal(verb, reason)
    case .surveyed(let survey): return survey
    case .withoutSurvey:
      guard request.survey == nil else {
        throw refusal(verb, "it reads all values before it decides what to write")
      }
      let output = request.output
      return SplitSurvey { _, _, _ in output }
    }
  }

  private static func refusal(_ verb: String, _ reason: Message) -> UsageError {
    UsageError(
      "this \(verb) cannot be divided into tasks: " + reason,
      hint: "run it as one command: \(command: verb)")
  }

  private static func writer(
    _ run: OutputRun, checksOutput: Bool
  ) throws -> any PartitionedWriter {
    let container = try run.container()
    guard container.isFolder else {
      throw UsageError(
        "\(run.settings.path.printable) is one file, which tasks cannot write part by part",
        hint: container.holdsTerms
          ? "write .sumac shards into a folder: \(setting: "to") sumac with \(setting: "shard-size")"
          : "name a folder, without a suffix")
    }
    let planned: any CheckpointWriter
    if checksOutput {
      planned = try run.checkedJob().writer
    } else {
      try SeveralErrors.throwIfAny(
        run.request.errors + run.request.output.tensors.compactMap(\.fault))
      planned = try container.writer(run.request.output, options: run.options(for: container))
    }
    guard let writer = planned.partition else {
      throw UsageError(
        "\(container.name.rawValue) folders are written as a whole",
        hint: "choose another format with \(setting: "to")")
    }
    return writer
  }

  private static func identifiedParts(
    _ inputs: [Checkpoint], taskByteCount: Int
  ) -> [IdentifiedPart] {
    inputs.indices.filter { inputs[$0].unidentifiedByteCount > 0 }.flatMap { input in
      let sizes = inputs[input].identifiedTensors.map(\.info.byteCount)
      return sizes.cut(at: taskByteCount).map { range in
        IdentifiedPart(
          input: input, tensors: range, byteCount: sizes[range].reduce(0, +))
      }
    }
  }

  /// The names of the tensors of a part, and of those that they are aliases of.
  func names(ofPart part: Int) -> Set<UTF8Key> {
    var names = Set(writer.parts[part].tensorNames.map(UTF8Key.init))
    for tensor in request.output.tensors where names.contains(UTF8Key(tensor.name)) {
      if let target = tensor.aliasOf { names.insert(UTF8Key(target)) }
    }
    return names
  }

  // MARK: Memory

  var identifyDemand: MemoryBudget.Demand {
    MemoryBudget.Demand(
      fixedByteCount: 0,
      workerByteCount: request.inputs.map(\.identificationWorkspaceByteCount).max() ?? 0)
  }

  var surveyDemand: MemoryBudget.Demand {
    request.survey?.demand ?? MemoryBudget.Demand(fixedByteCount: 0, workerByteCount: 0)
  }

  /// The memory for writing a part and reading it again.
  var applyDemand: MemoryBudget.Demand {
    var demand = writer.plan.demand
    demand.workerByteCount = max(demand.workerByteCount, FileChecksum.pieceByteCount)
    return demand
  }

  // MARK: Work

  /// Sets the identities that the lineage records.
  mutating func identify(_ identities: [InputIdentity]) {
    for (index, identity) in identities.enumerated() {
      run.request.inputs[index].identity = identity
    }
  }

  /// Returns the writer of the output in which the tensors of a part are final.
  func finalWriter(
    ofPart part: Int, state: JSONValue?, engine: Engine
  ) throws -> any PartitionedWriter {
    try writer(of: survey.output(names(ofPart: part), state, engine))
  }

  /// Returns the writer of the output with final headers, for the files that contain no values.
  func headerWriter(state: JSONValue?, engine: Engine) throws -> any PartitionedWriter {
    try writer(of: survey.output([], state, engine))
  }

  private func writer(of output: Checkpoint) throws -> any PartitionedWriter {
    let container = try run.container()
    var options = run.options(for: container)
    options.cut = self.writer.parts.map(\.tensorNames)
    let final = try container.writer(
      run.settings.companions.applied(to: output), options: options)
    guard let final = final.partition, final.parts.map(\.file) == writer.parts.map(\.file) else {
      throw ChangedInputError(path: request.inputs.first?.path ?? "")
    }
    return final
  }
}

extension [Int] {
  /// Cuts a list of sizes into runs of up to `limit`, each with one element at least.
  func cut(at limit: Int) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var (start, sum) = (0, 0)
    for (index, size) in enumerated() {
      if index > start, sum + size > limit {
        runs.append(start..<index)
        (start, sum) = (index, 0)
      }
      sum += size
    }
    if start < count { runs.append(start..<count) }
    return runs
  }
}
