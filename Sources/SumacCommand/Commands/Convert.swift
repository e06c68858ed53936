import ArgumentParser
import Base
import Checkpoints
import Codecs
import Conversion
import PackedFormat
import Packing
import Reporting
import TensorCore
import Zstd

struct Convert: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint in another format or dtype.",
    discussion: """
      Reads a safetensors file, a .sumac file or a Hugging Face model folder. The output's name tells \
      its format: NAME.safetensors, NAME.sumac, or anything without a suffix for a model folder. \
      Nothing is lost unless you ask for it with --dtype or --drop.

      Examples:
        sumac convert model/ -o model.sumac
        sumac convert model.sumac -o model/ --shard-size 2GB
        sumac convert model.safetensors -o half.safetensors --dtype bf16
        sumac convert big/ -o small.sumac --compress small --dry-run
        sumac convert model/ -o model-int4.sumac --type int4:g64
        sumac convert pruned.safetensors -o pruned.sumac --sparse auto
        sumac convert model/ -o sum.sumac --terms dense:int4:g64+lowrank:8+sparse:1%
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Storage in .sumac") var storageFlags: StorageFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags

  @Option(help: "Convert F16, BF16, F32 and F64 tensors to this dtype: f32, f16, bf16 or f64.")
  var dtype: FloatChoice?

  @Flag(help: "With --dtype: clamp values that are too large instead of writing infinity.")
  var saturate = false

  @Option(
    help: ArgumentHelp("Leave out tensors whose name matches; may be repeated.", valueName: "glob"))
  var drop: [String] = []

  @Option(
    help: ArgumentHelp(
      "Write the tensors and files of this .sumac file first, as they are, and the input behind.",
      valueName: "file"), completion: .file(extensions: ["sumac"]))
  var appendTo: String?

  @Argument(
    help: ArgumentHelp("A .safetensors or .sumac file, a shard index, or a model folder."),
    completion: .file())
  var input: String

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let checkpoint = try Inputs.read(input, global: global)
    let selection = try selectionFlags.selection(arguments: CommandLine.arguments)
    let typeChoice = try storageFlags.typeChoice()
    var conversion = Conversion(
      dtype: dtype?.dtype, saturating: saturate, drop: drop.map(Glob.init), selection: selection,
      storage: try storageFlags.choice(selection: selection))
    let converted = try conversion.applied(to: checkpoint)
    var errors = conversion.errors(for: checkpoint)
    errors += storageFlags.errors(output: writer)
    let command = OutputCommand(global: global, writer: writer)
    if let typeChoice {
      // What is wrong already is told before the work.
      try SeveralErrors.throwIfAny(errors + converted.tensors.compactMap(\.fault))
      conversion.storage.chosen = try choose(
        typeChoice, converted, conversion.storage,
        options: command.options(
          verb: "convert", conversion.lineageOptions, inputs: [checkpoint],
          container: PackedContainer.self))
    }
    var (output, notes) = conversion.storage.applied(to: converted)
    var inputs = [checkpoint]
    if let appendTo {
      let base = try Inputs.read(appendTo, global: global)
      errors += Appending.errors(adding: output, to: base)
      if let container = try? writer.container, !container.holdsTerms {
        errors.append(UsageError("--append-to makes a .sumac file, and \(writer.output) is none"))
      }
      let result = Appending.result(adding: output, to: base)
      output = result.checkpoint
      notes += result.notes
      inputs.insert(base, at: 0)
    }
    try command.run(
      verb: appendTo == nil ? "convert" : "append", options: conversion.lineageOptions,
      inputs: inputs, output: output, errors: errors, notes: notes)
  }

  /// Tries every candidate on every weight.
  private func choose(
    _ choice: TypeChoice, _ checkpoint: Checkpoint, _ storage: StorageChoice,
    options: WriterOptions
  ) throws -> [UTF8Key: StorageType] {
    let compression = writer.compress ?? .fast
    let encoder = ChunkEncoder(zstd: Zstd(), compression: compression)
    let engine = try global.engine(
      workerByteCount: TypeChoice.workerByteCount(
        checkpoint, storage: storage, candidates: choice.candidates, encoder: encoder))
    engine.progress.begin(
      tensors: checkpoint.tensors.count,
      byteCount: 2 * choice.candidates.count
        * checkpoint.tensors.reduce(0) { $0 + $1.info.byteCount })
    defer { engine.progress.end() }
    let measured = try choice.measured(
      checkpoint, storage: storage, compression: compression, engine: engine)
    var result = try choice.result(of: measured, overhead: 0)
    if case .fileByteCount(let target) = choice.target {
      // What a file takes beside its tensors is seen by writing it to nowhere; with other types that
      // may change by some bytes.
      var overhead = 0
      for _ in 0..<Self.fittingRoundCount {
        let byteCount = try self.byteCount(
          checkpoint, storage, types: result.types, options: options, engine: engine)
        if overhead > 0, byteCount <= target { break }
        overhead =
          overhead == 0 ? byteCount - result.byteCount : overhead + byteCount - target
        result = try choice.result(of: measured, overhead: overhead)
      }
    }
    if !global.quiet {
      if let note = result.note { Terminal.warn(note, color: global.color) }
      let bits = Double(8 * result.byteCount) / Double(max(1, checkpoint.parameterCount))
      Terminal.note("types chosen for \(bits.fixed(decimals: 3)) bits per weight")
    }
    return result.types
  }

  private static let fittingRoundCount = 4

  /// The length of the file with these types.
  private func byteCount(
    _ checkpoint: Checkpoint, _ storage: StorageChoice, types: [UTF8Key: StorageType],
    options: WriterOptions, engine: Engine
  ) throws -> Int {
    var tried = storage
    tried.chosen = types
    let sink = CountingSink()
    let output = tried.applied(to: checkpoint).checkpoint
    try PackedCheckpointWriter(output, options: options).write(to: sink, engine: engine)
    return sink.byteCount
  }
}

enum FloatChoice: String, CaseIterable, ExpressibleByArgument {
  case f32, f16, bf16, f64

  var dtype: DType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .f64: .f64
    }
  }
}
