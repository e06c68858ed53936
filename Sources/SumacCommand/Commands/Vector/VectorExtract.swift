import ArgumentParser
import Base
import Checkpoints
import Codecs
import Merging
import PackedFormat
import TensorCore

struct VectorExtract: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Take what a fine-tune adds to its base.",
    discussion: """
      Without options all differences are stored, in the base's dtype. With --exact the file restores the \
      fine-tune bit for bit. With --rank and a folder for the output it is a LoRA adapter of PEFT.

      Examples:
        sumac vector extract tuned/ --base base/ -o tuned.sumac --density 10%
        sumac vector extract tuned/ --base base/ -o tuned.sumac --rank 16
        sumac vector extract tuned/ --base base/ -o adapter/ --rank 16
        sumac vector extract tuned/ --base base/ -o exact.sumac --exact
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Form") var formFlags: VectorFormFlags
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags

  @Option(
    help: ArgumentHelp("The model that it was tuned from.", valueName: "model"),
    completion: .file())
  var base: String

  @Flag(help: "Store the values that changed, so that apply restores the fine-tune bit for bit.")
  var exact = false

  @Option(help: "Dtype of differences, f32, f16 or bf16; that of the base if not given.")
  var dtype: FloatChoice?

  @Argument(
    help: ArgumentHelp("The fine-tuned model."), completion: .file())
  var tuned: String

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let tuned = try Inputs.read(tuned, global: global)
    let base = try Inputs.read(base, global: global)
    var extraction = VectorExtraction(
      tuned: tuned, base: base, form: try formFlags.form(), isExact: exact,
      dtype: dtype?.dtype,
      selection: try selectionFlags.selection(arguments: CommandLine.arguments))
    let container = try writer.container
    if container.isFolder, let rank = extraction.form.rank {
      return try writeAdapter(AdapterExtraction(extraction, rank: rank), [tuned, base])
    }
    var errors = extraction.errors
    if !container.holdsTerms, exact || !extraction.form.isDense {
      errors.append(
        UsageError(
          "\(container.name.rawValue) cannot hold \(exact ? "what replaces values" : "these terms"), "
            + "only all values",
          hint: "write a .sumac file"))
      (extraction.form, extraction.isExact) = (VectorForm(), false)
    }
    let command = OutputCommand(global: global, writer: writer)
    let options = extraction.lineageOptions
    var output = try extraction.extracted()
    try command.check(
      verb: "vector extract", options: options, inputs: [tuned, base], output: output,
      errors: errors)
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    if extraction.surveyByteCount > 0, !writer.dryRun {
      let engine = try global.engine(
        workerByteCount: extraction.workerByteCount, cancellation: cancellation)
      engine.progress.begin(tensors: 0, byteCount: extraction.surveyByteCount)
      defer { engine.progress.end() }
      output = try extraction.extracted(restoring: extraction.survey(engine: engine))
    }
    try command.run(
      verb: "vector extract", options: options, inputs: [tuned, base], output: output,
      errors: [], notes: extraction.notes, carried: [])
  }

  private func writeAdapter(_ adapter: AdapterExtraction, _ inputs: [Checkpoint]) throws {
    var command = OutputCommand(global: global, writer: writer)
    command.weightsName = adapter.weightsName
    let options = adapter.lineageOptions
    let planned = try adapter.extraction.extracted()
    try command.check(
      verb: "vector extract", options: options, inputs: inputs, output: planned,
      errors: adapter.errors)
    guard !writer.dryRun else {
      return try command.run(
        verb: "vector extract", options: options, inputs: inputs, output: planned, errors: [],
        notes: ["the plan shows differences before they are factored"])
    }
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    let engine = try global.engine(
      workerByteCount: try adapter.workerByteCount(),
      fixedByteCount: try adapter.fixedByteCount(), cancellation: cancellation)
    var output = planned
    do {
      engine.progress.begin(
        tensors: planned.tensors.count, byteCount: adapter.surveyByteCount)
      defer { engine.progress.end() }
      output = try adapter.adapter(engine: engine)
    }
    try command.run(
      verb: "vector extract", options: options, inputs: inputs, output: output, errors: [],
      notes: adapter.extraction.notes, carried: [])
  }
}
