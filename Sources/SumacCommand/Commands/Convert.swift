import ArgumentParser
import Checkpoints
import Conversion
import Encoding
import PackedFormat
import TensorCore

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

  @Argument(
    help: ArgumentHelp("A .safetensors or .sumac file, a shard index, or a model folder."),
    completion: .file())
  var input: String

  func run() throws {
    let checkpoint = try Inputs.read(input, global: global)
    let selection = try selectionFlags.selection(arguments: CommandLine.arguments)
    let conversion = Conversion(
      dtype: dtype?.dtype, saturating: saturate, drop: drop.map(Glob.init), selection: selection,
      storage: try storageFlags.choice(selection: selection))
    let converted = try conversion.applied(to: checkpoint)
    var errors = conversion.errors(for: checkpoint)
    errors += storageFlags.errors(output: writer)
    let (output, notes) = conversion.storage.applied(
      to: converted, compression: writer.compress ?? .fast)
    try OutputCommand(global: global, writer: writer).run(
      verb: "convert", options: conversion.lineageOptions, inputs: [checkpoint], output: output,
      errors: errors, notes: notes)
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
