import ArgumentParser
import Base
import Checkpoints
import Merging
import Operations
import TensorCore

/// The options for what `merge` computes: a recipe, or the settings that make one.
struct MergeFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Merge recipe in mergekit's YAML format; the options below override it.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "json"]))
  var recipe: String?

  @Option(
    help: ArgumentHelp(
      "Merge method: \(MergeMethods.names.joined(separator: ", ")).", valueName: "method"),
    completion: .list(MergeMethods.names))
  var method: String?

  @Option(
    help: ArgumentHelp("Model that the others were fine-tuned from.", valueName: "model"),
    completion: .file())
  var base: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Weight of all models, or of the named model. Can be repeated.",
      valueName: "[name=]x"))
  var weight: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Share of each difference to keep, such as 0.5 or 50%.", valueName: "[name=]share"))
  var density: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "breadcrumbs: share of the largest values to drop. (default: 0.01)",
      valueName: "[name=]share"))
  var gamma: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "della: range of the keep probabilities around the density. (default: 0.15)",
      valueName: "[name=]x"))
  var epsilon: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("passthrough: factor on the values.", valueName: "[name=]x"))
  var scale: [ModelValue] = []

  @Option(
    parsing: .unconditional, help: "slerp: position between the base (0) and the other model (1).")
  var t: Double?

  @Option(
    name: .customLong("lambda"), parsing: .unconditional,
    help: "Factor on the sum of differences.")
  var lambda: Double?

  @Flag(
    inversion: .prefixedNo,
    help: "Divide by the sum of the weights that contribute. (default: depends on the method)")
  var normalize: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "Scale trimmed differences back to their original size. (default: depends on the method)")
  var rescale: Bool?

  @Option(
    help: ArgumentHelp(
      "adamerging: share of each difference to keep over the whole model, with the elected sign.",
      valueName: "share"))
  var ties: ShareArgument?

  @Option(help: "Round the inputs to this dtype before merging.")
  var dtype: FloatType?

  @Option(help: "Dtype of the output. (default: --dtype, otherwise that of the inputs)")
  var outDtype: FloatType?

  @Option(help: "dare, della: seed of the random numbers.")
  var seed: UInt64 = 0

  @Option(
    help: "ties, breadcrumbs: rank magnitudes within each tensor or across all tensors (global).")
  var scope = MergeOptions.Scope.tensor

  @Option(
    help: ArgumentHelp(
      "JSON or YAML table of weights per task, tensor, fused qkv or block.",
      valueName: "file"), completion: .file(extensions: ["json", "yaml", "yml"]))
  var coefficients: String?

  @Flag(help: "Truncate embeddings of different lengths to the shortest.")
  var unsafeTruncateEmbeddings = false

  @Flag(
    help: "Merge models whose configurations or tokenizers differ; those of the base are copied.")
  var allowConfigMismatch = false
}

extension MergeFlags {
  var settings: MergeSettings {
    var settings = MergeSettings()
    settings.recipe = recipe
    settings.method = method
    settings.base = base
    settings.weights = weight
    settings.densities = density
    settings.gammas = gamma
    settings.epsilons = epsilon
    settings.scales = scale
    (settings.t, settings.lambda) = (t, lambda)
    (settings.normalizes, settings.rescales) = (normalize, rescale)
    (settings.dtype, settings.outputDType) = (dtype, outDtype)
    settings.seed = seed
    settings.scope = scope
    settings.coefficients = coefficients
    settings.ties = ties?.share
    settings.truncatesEmbeddings = unsafeTruncateEmbeddings
    settings.allowsConfigMismatch = allowConfigMismatch
    return settings
  }
}

extension ModelValue: ExpressibleByArgument {
  /// Parses `0.5`, `50%`, or `NAME=0.5`.
  public init?(argument: String) {
    let equals = argument.lastIndex(of: "=")
    let text = equals.map { argument[argument.index(after: $0)...] } ?? argument[...]
    let isPercent = text.hasSuffix("%")
    guard let number = Double(isPercent ? text.dropLast() : text), number.isFinite else {
      return nil
    }
    self.init(
      model: equals.map { String(argument[..<$0]) }, number: isPercent ? number / 100 : number)
  }
}

extension FloatType: ExpressibleByArgument {
  /// Parses the name of a type in letters of either case.
  public init?(argument: String) { self.init(rawValue: argument.lowercased()) }
}
extension MergeOptions.Scope: ExpressibleByArgument {}
