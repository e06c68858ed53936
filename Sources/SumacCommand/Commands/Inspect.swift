import ArgumentParser
import Base
import Checkpoints
import Inspection
import Statistics
import TensorCore

struct Inspect: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    abstract: "Show what a checkpoint holds.",
    discussion: """
      Lists tensors with dtype, shape and size. Only headers are read, unless --stats asks for numbers \
      about the values.

      Examples:
        sumac inspect model.sumac
        sumac inspect model/ --stats --sort size
        sumac inspect model.safetensors --layout --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Flag(help: "Read all values: zeros, norms, PQ Index, quantiles, outliers, N:M fit, packed size.")
  var stats = false

  @Flag(help: "With --stats: also for each index of the first dimension (row or filter).")
  var neurons = false

  @Option(help: "With --stats: the p of the PQ Index, above 0 and below q.")
  var p = PQIndex.standard.p

  @Option(help: "With --stats: the q of the PQ Index.")
  var q = PQIndex.standard.q

  @Option(
    help: ArgumentHelp(
      "With --stats: the N:M sparsity that rows are compared with.", valueName: "n:m"))
  var pattern = Pattern.twoOfFour

  @Flag(help: "Show where each tensor lies: file, offset, stored bytes, codec, chunks.")
  var layout = false

  @Flag(help: "Show the strings that are stored with the tensors.")
  var metadata = false

  @Option(help: "Order of the tensors: catalog, name, size, dtype or offset.")
  var sort = Inspection.SortKey.catalog

  @Argument(
    help: "Files, shard indexes or model folders; - is standard input.", completion: .file())
  var inputs: [String]

  func run() throws {
    try report.check()
    guard let exponents = PQIndex(p: p, q: q) else {
      throw UsageError("--p is \(p) and --q is \(q), expected 0 < p < q")
    }
    if neurons, !stats { throw UsageError("--neurons needs --stats") }
    let batch = try Inputs.each(inputs, global: global) { checkpoint in
      guard stats else {
        return Inspection(
          checkpoint, fileByteCount: checkpoint.fileByteCount, sortKey: sort,
          showsMetadata: metadata, showsLayout: layout)
      }
      let found = try statistics(of: checkpoint, exponents)
      return Inspection(
        checkpoint, fileByteCount: checkpoint.fileByteCount, statistics: found.statistics,
        neurons: found.neurons, sortKey: sort, showsMetadata: metadata, showsLayout: layout)
    }
    try report.print(batch.results, inputCount: inputs.count)
    if global.verbose > 1, !global.quiet {
      Terminal.note("peak resident memory \(ResidentMemory.peakByteCount) bytes")
    }
    if let status = batch.status { throw ExitCode(status.rawValue) }
  }

  private func statistics(
    of checkpoint: Checkpoint, _ exponents: PQIndex
  ) throws -> (statistics: StatisticsSurvey.Result, neurons: [[NeuronSurvey.Neuron]?]?) {
    let tensors = checkpoint.tensors
    try SeveralErrors.throwIfAny(tensors.compactMap(\.fault))
    let engine = try global.engine(
      workerByteCount: max(
        StatisticsSurvey.workspaceByteCount(tensors),
        neurons ? NeuronSurvey.workspaceByteCount(tensors) : 0),
      fixedByteCount: StatisticsSurvey.fixedByteCount(tensors)
        + (neurons ? NeuronSurvey.fixedByteCount(tensors) : 0))
    engine.progress.begin(
      tensors: tensors.count, byteCount: 2 * tensors.reduce(0) { $0 + $1.info.byteCount })
    defer { engine.progress.end() }
    let survey = StatisticsSurvey(exponents: exponents, pattern: pattern)
    return (
      try survey.result(of: tensors, engine: engine),
      neurons ? try NeuronSurvey(exponents: exponents).result(of: tensors, engine: engine) : nil
    )
  }
}

extension Inspection.SortKey: ExpressibleByArgument {}

extension Pattern: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}
