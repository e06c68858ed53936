import BLAS
import Base
import Checkpoints
import Examples
import Models
import Networks
import Repeats
import TensorCore
import Training

/// A sweep with its data: everything that its trainings are made of, read and checked.
///
/// The data of a training are not stored: their order is a function of the data of the sweep, the mixture and the seed.
struct Sweep {
  let recipe: SweepRecipe
  let kernels: KernelChoice
  let context: OperationContext
  private let data: any TrainingData
  private let test: any TrainingData
  /// Digests of the tokens of the data and of the test data.
  private let digests: (data: String, test: String)

  /// Reads a recipe and its data, and checks the mixtures and the networks.
  /// - Throws: All faults that can be found without training, together as far as possible.
  init(_ path: String, _ kernels: KernelChoice, _ context: OperationContext) throws {
    let recipe = try SweepRecipe(path)
    self.recipe = recipe
    self.kernels = kernels
    self.context = context
    let networks = try Self.networks(recipe)
    let first = recipe.sizes[0]
    let files = ModelFiles(
      checkpoint: try Checkpoint.newNetwork(first.config, path: first.path, seed: 0), path: path)
    let reader = try TrainingDataReader(
      networks[0], files, recipe.training, tokenizer: recipe.tokenizer, context)
    let data = try reader.data(recipe.data, labels: nil)
    let test = try reader.data([recipe.test], labels: nil)
    (self.data, self.test) = (data.data, test.data)
    digests = (data.digest, test.digest)
    try checkMixtures()
  }

  /// Returns the networks of all sizes.
  /// - Throws: The faults of all configurations, and ``UsageError`` unless they have one vocabulary.
  private static func networks(_ recipe: SweepRecipe) throws -> [Network<Float>] {
    var (networks, faults) = ([Network<Float>](), [any UserError]())
    for size in recipe.sizes {
      do {
        let model = try ModelConfigurationFile(text: size.config).configuration(
          path: size.path, code: .networkConfiguration)
        let network = try Network<Float>.outline(of: model, path: size.path)
        guard network.configuration.classifier == nil, network.family.hasLogits else {
          throw UsageError(
            "\(size.path.printable): the size \(size.name) is not a language model",
            hint: "set model_type to llama, gpt2 or another language model")
        }
        networks.append(network)
      } catch let error as SeveralErrors { faults += error.errors } catch let error
        as any UserError
      { faults.append(error) }
    }
    try SeveralErrors.throwIfAny(faults)
    guard Set(networks.map(\.configuration.vocabularySize)).count == 1 else {
      throw UsageError(
        "\(recipe.path.printable): the sizes have different vocabularies",
        hint: "set one vocab_size for all of them")
    }
    return networks
  }

  private func checkMixtures() throws {
    guard data.windowLength == test.windowLength, let length = data.windowLength else {
      throw UsageError(
        "\(recipe.path.printable): data and test data have windows of different lengths",
        hint: "give both as texts, or both as rows of one length")
    }
    guard recipe.tokens >= length else {
      throw UsageError(
        "\(recipe.path.printable): tokens is \(recipe.tokens), less than a window of \(length)")
    }
    var faults: [any UserError] = []
    for variant in Set(recipe.members.map(\.variant)).sorted(by: { $0.name < $1.name }) {
      do {
        let mixture = try mixture(variant)
        guard mixture.distinctCount <= data.count else {
          throw UsageError(
            "needs \(mixture.distinctCount.counted("different window")), but the data have "
              + data.count.grouped, hint: "give more data, or train on fewer tokens")
        }
      } catch let error as UsageError {
        faults.append(
          UsageError(
            "\(recipe.path.printable): \(variant.name): " + error.message, hint: error.hint))
      }
    }
    try SeveralErrors.throwIfAny(faults)
  }

  // MARK: Members

  /// The number of tokens that a window predicts.
  var windowLength: Int { data.windowLength ?? recipe.training.window }

  func mixture(_ variant: SweepVariant) throws(UsageError) -> Mixture {
    try variant.mixture(count: recipe.tokens / windowLength)
  }

  private func size(of member: SweepMember) throws(UsageError) -> SweepRecipe.Size {
    guard let size = recipe.sizes.first(where: { $0.name == member.size }) else {
      throw UsageError("the sweep has no size \(member.size)")
    }
    return size
  }

  /// Returns everything that shapes the training of a member, for its run folder.
  func command(of member: SweepMember) throws -> JSONObject {
    let size = try size(of: member)
    return [
      "schema": "sumac.run/1", "version": .string(Version.current),
      "config": .string(XXH64.digits(of: size.config)), "seed": JSONValue(member.seed),
      "mixture": .string(member.variant.name), "tokens": JSONValue(recipe.tokens),
      "training": .string(XXH64.digits(of: Array(recipe.trainingText.utf8))),
      "data": .string(digests.data), "test": .string(digests.test),
      "kernels": .string(kernels.rawValue),
    ]
  }

  /// Returns a digest of everything that shapes the result of a member, the measures of its heads included.
  func digest(of member: SweepMember) throws -> String {
    var command = try command(of: member)
    let (probe, none) = (recipe.probe, JSONValue.null)
    command["probe"] = [
      probe.segmentLength.map { JSONValue($0) } ?? none,
      probe.sequenceCount.map { JSONValue($0) } ?? none,
      probe.seed.map { JSONValue($0) } ?? none,
    ]
    return XXH64.digits(of: Array(JSONValue.object(command).serialized().utf8))
  }

  /// Returns the start, the data and the test data of a member.
  func inputs(of member: SweepMember) throws -> TrainingInputs {
    let size = try size(of: member)
    var start = try Checkpoint.newNetwork(size.config, path: size.path, seed: member.seed)
    start.path = member.name
    start.identity.byteCount = start.tensors.reduce(0) { $0 + $1.info.byteCount }
    let order = try mixture(member.variant).order(from: data.count, seed: member.seed)
    return try TrainingInputs(
      start, recipe.training, SelectedExamples(data, order: order), test: test,
      command: command(of: member), kernels: kernels)
  }

  /// The largest number of sequences of the subset whose loss is measured after the training.
  private static let measuredCount = 512

  /// Returns sequences of the subset that a member repeats; nil if it repeats none.
  func subset(of member: SweepMember) throws -> SelectedExamples? {
    let mixture = try mixture(member.variant)
    guard mixture.subsetCount > 0 else { return nil }
    let all = try mixture.subset(from: data.count, seed: member.seed)
    return SelectedExamples(data, order: Array(all.prefix(Self.measuredCount)))
  }

  /// The number of tokens of the test data.
  var testTokenCount: Int { test.count * windowLength }
}
