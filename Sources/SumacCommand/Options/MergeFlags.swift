import ArgumentParser
import Base
import Checkpoints
import Merging
import Operations
import TensorCore

/// What `merge` computes: a recipe, or its parts.
struct MergeFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A merge recipe in mergekit's YAML; the options below override it.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "json"]))
  var recipe: String?

  @Option(
    help: ArgumentHelp(
      "How to merge: \(MergeMethods.names.joined(separator: ", ")).", valueName: "method"),
    completion: .list(MergeMethods.names))
  var method: String?

  @Option(
    help: ArgumentHelp("The model that the others were tuned from.", valueName: "model"),
    completion: .file())
  var base: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A weight for all models, or for the one of that name; may be repeated.",
      valueName: "[name=]x"))
  var weight: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The share of a difference that is kept, as 0.5 or 50%.", valueName: "[name=]share"))
  var density: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "breadcrumbs: the share of the largest that goes; 0.01 if not given.",
      valueName: "[name=]share"))
  var gamma: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "della: how far chances lie from the density; 0.15 if not given.", valueName: "[name=]x"))
  var epsilon: [ModelValue] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("passthrough: what values are multiplied by.", valueName: "[name=]x"))
  var scale: [ModelValue] = []

  @Option(parsing: .unconditional, help: "slerp: 0 is the base, 1 the other model.")
  var t: Double?

  @Option(
    name: .customLong("lambda"), parsing: .unconditional,
    help: "What the sum of differences is multiplied by.")
  var lambda: Double?

  @Flag(
    inversion: .prefixedNo,
    help:
      "Divide by the sum of weights, or of those that count; the method's own choice if not given.")
  var normalize: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "Scale trimmed differences to the size they had; the method's own choice if not given.")
  var rescale: Bool?

  @Option(help: "Round inputs to this dtype first: f16, bf16, f32 or f64.")
  var dtype: FloatType?

  @Option(help: "Write this dtype; --dtype, else that of the inputs, if not given.")
  var outDtype: FloatType?

  @Option(help: "dare, della: what chance depends on beside names and places.")
  var seed: UInt64 = 0

  @Option(
    help: "ties, breadcrumbs: compare magnitudes within each tensor, or of all: tensor, global.")
  var scope = MergeOptions.Scope.tensor

  @Option(
    help: ArgumentHelp(
      "Weights from a table of JSON or YAML: per task, tensor, fused qkv or block.",
      valueName: "file"), completion: .file(extensions: ["json", "yaml", "yml"]))
  var coefficients: String?

  @Flag(help: "Cut embeddings of different lengths to the shortest.")
  var unsafeTruncateEmbeddings = false
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
    settings.truncatesEmbeddings = unsafeTruncateEmbeddings
    return settings
  }
}

extension ModelValue: ExpressibleByArgument {
  /// `0.5`, `50%`, or `NAME=0.5`.
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

extension FloatType: ExpressibleByArgument {}
extension MergeOptions.Scope: ExpressibleByArgument {}
