/// A part of sumac that reads untrusted bytes.
///
/// For any input it must return or throw its own error: no trap, no allocation from an unchecked length, and no
/// endless loop.
enum FuzzTarget: String, CaseIterable {
  case cbor, json, recipe, index, safetensors, values, places, file
  case adapter, merge, configuration, clex, survey, cache, option
  case numpy, onnx, pytorch, pickle, archive, tokenizer

  /// Runs the target once.
  func run(_ bytes: [UInt8]) {
    switch self {
    case .cbor: ParserTargets.cbor(bytes)
    case .json: ParserTargets.json(bytes)
    case .recipe: ParserTargets.recipe(bytes)
    case .index: ParserTargets.index(bytes)
    case .safetensors: FileTargets.safetensors(bytes)
    case .values: CodecTargets.values(bytes)
    case .places: CodecTargets.places(bytes)
    case .file: FileTargets.packed(bytes)
    case .adapter: AdapterTarget.run(bytes)
    case .merge: MergeTarget.run(bytes)
    case .configuration: ConfigurationTarget.run(bytes)
    case .clex: CLEXTarget.run(bytes)
    case .survey: SurveyTarget.run(bytes)
    case .cache: CacheTarget.run(bytes)
    case .option: OptionTarget.run(bytes)
    case .numpy: FileTargets.numpy(bytes)
    case .onnx: FileTargets.onnx(bytes)
    case .pytorch: PyTorchTarget.file(bytes)
    case .pickle: PyTorchTarget.pickle(bytes)
    case .archive: ArchiveTarget.run(bytes)
    case .tokenizer: TokenizerTarget.run(bytes)
    }
  }
}
