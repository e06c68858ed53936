import ArgumentParser
import Base
import Operations

/// The options for how a `.sumac` output stores its tensors.
struct StorageFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Store weights as this type, such as int4:g64, int8, nf4 or fp8. See: sumac explain types.",
      valueName: "type"), completion: .list(Completions.types))
  var type: String?

  @Option(
    help: ArgumentHelp(
      "Store weights as a sum of terms, such as dense:int4:g64+lowrank:8+sparse:1%.",
      valueName: "terms"))
  var terms: String?

  @Option(
    help: ArgumentHelp(
      "Store tensors whose name matches the pattern as this type or these terms. Can be repeated; the "
        + "last match applies.", valueName: "glob=type"))
  var tensorType: [String] = []

  @Option(help: "Store lossless tensors as indices and nonzero values if that is smaller.")
  var sparse = SparseChoice.never

  @Option(
    help: ArgumentHelp(
      "Choose a type for each weight so that all tensors average this many bits per value.",
      valueName: "bits"))
  var targetBpw: Double?

  @Option(
    help: ArgumentHelp(
      "Choose a type for each weight so that the file reaches this size.", valueName: "size"))
  var targetSize: SizeArgument?

  @Option(
    help: ArgumentHelp(
      "Comma-separated types to choose from, with --target-bpw or --target-size.",
      valueName: "types"))
  var candidates: String?

  @Option(
    help: ArgumentHelp(
      "With --target-bpw or --target-size: weigh errors by the inputs of each layer, from a file that "
        + "calibrate wrote.", valueName: "stats"), completion: .file())
  var calibration: String?

  enum SparseChoice: String, CaseIterable, ExpressibleByArgument {
    case auto, never
  }

  mutating func validate() throws {
    if type != nil, terms != nil {
      throw ValidationError("--type and --terms cannot be used together")
    }
    if targetBpw != nil, targetSize != nil {
      throw ValidationError("--target-bpw and --target-size cannot be used together")
    }
    if targetBpw != nil || targetSize != nil {
      guard type == nil, terms == nil else {
        throw ValidationError(
          "--target-bpw and --target-size choose the types; omit --type and --terms")
      }
    } else if candidates != nil {
      throw ValidationError("--candidates needs --target-bpw or --target-size")
    } else if calibration != nil {
      throw ValidationError("--calibration needs --target-bpw or --target-size")
    }
    if let targetBpw, !(targetBpw > 0 && targetBpw <= 64) {
      throw ValidationError("--target-bpw is \(targetBpw), expected a number above 0 and up to 64")
    }
  }

  var settings: StorageSettings {
    var settings = StorageSettings()
    settings.type = type
    settings.terms = terms
    settings.tensorTypes = tensorType
    settings.findsZeros = sparse == .auto
    settings.targetBitsPerWeight = targetBpw
    settings.targetByteCount = targetSize?.size.byteCount
    settings.calibration = calibration
    settings.candidates = candidates?.split(separator: ",").map(String.init)
    return settings
  }
}
