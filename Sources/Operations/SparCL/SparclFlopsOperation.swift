import Base
import Checkpoints
import Examples
import Models
import Networks
import Reporting
import SparCL
import Training

/// Estimates the products of a training step with sparse weights, sparse gradients and fewer examples.
package struct SparclFlopsOperation: Operation {
  package static let verb = "sparcl flops"

  /// The path of a classifier, or the sizes of one, such as `resnet18:3x32x32,64,10`.
  package var model: String
  /// The settings of the training; only those of sparsity, layers, epochs and removal count.
  package var settings: SparclTrainSettings

  package init(model: String, settings: SparclTrainSettings) {
    (self.model, self.settings) = (model, settings)
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let configuration = try configuration(context)
    let network = try Network<Float>.outline(of: configuration, path: model)
    guard let classifier = network.configuration.classifier else {
      throw UsageError("\(model.printable) is not a classifier with layers of known sizes")
    }
    let compute = Compute.counting(jobs: 1)
    let checkpoint = Checkpoint(
      path: model, container: .memory, tensors: try InitialTensors.tensors(of: network, seed: 0),
      identity: InputIdentity(hash: "", byteCount: 0), files: [])
    let trainer = try Trainer<Float>(
      checkpoint, configuration, TrainingRecipe(.epochs(1)), compute)
    var settings = settings
    settings.tasks = "0"
    guard settings.gradientSparsity != nil else {
      throw UsageError("the sparsity of the gradients is missing")
    }
    let recipe = try settings.recipe(
      weights: trainer.parameters.map { ($0.name, $0.shape) }, classCount: classifier.classCount)
    let example = Batch<Float>(
      .images(Value([1] + classifier.inputShape, in: compute.arena)), targets: [0],
      windows: Windows(sequenceCount: 1, length: 1))
    let layers = try trainer.layerProducts(example).map {
      TrainingCost.Layer(
        name: $0.name, products: $0.products, weights: $0.weights,
        isSparse: recipe.layers.contains($0.name))
    }
    var cost = TrainingCost(
      layers: layers, sparsity: recipe.sparsity,
      gradientSparsity: recipe.gradientSparsity ?? recipe.sparsity)
    if case .share(let share) = recipe.removal {
      cost.dataShare = TrainingCost.dataShare(
        removing: share, epochs: recipe.epochs, rounds: recipe.removalEpochs)
    } else if recipe.removal != nil {
      throw UsageError(
        "a number of examples does not say which share leaves",
        hint: "use a share, such as \(setting: "remove") 30%:20")
    }
    return OperationResult(reports: [CostReport(model: model, cost)])
  }

  private func configuration(_ context: OperationContext) throws -> ModelConfiguration {
    if let object = try ArchitectureSpec.configuration(model) {
      return try ModelConfigurationFile(
        text: Array(JSONValue.object(object).serialized(indented: false).utf8)
      ).configuration(path: model, code: .networkConfiguration)
    }
    return try ModelFiles(checkpoint: context.read(model, for: .report), path: model)
      .configuration()
  }
}

/// The report of the estimated products of a training step.
struct CostReport: Report {
  static let schema = "sumac.sparcl-flops/1"

  private let model: String
  private let cost: TrainingCost
  private static let rule =
    "forward pass + gradient of inputs + gradient of weights; sparse layers scaled by 1-s, 1-s, 1-g"

  init(model: String, _ cost: TrainingCost) { (self.model, self.cost) = (model, cost) }

  private static func times(_ ratio: Double) -> String { "\(ratio.fixed(decimals: 2)) times fewer" }

  var sections: [Section] {
    [
      .table(
        Table(
          [
            Table.Column("layer"), Table.Column("weights", alignsRight: true),
            Table.Column("products", alignsRight: true), Table.Column("sparse"),
          ],
          rows: cost.layers.map {
            [$0.name, $0.weights.grouped, $0.products.grouped, $0.isSparse ? "yes" : "no"]
          })),
      .facts([
        Section.Fact("forward pass", "\(cost.forwardProducts.grouped) products for an example"),
        Section.Fact("a step", Self.times(cost.ratio)),
        Section.Fact("with fewer examples", Self.times(cost.ratioWithData)),
        Section.Fact("rule", Self.rule),
        Section.Fact("note", "an estimate of products, not of time"),
      ]),
    ]
  }

  var records: Table {
    Table(
      ["layer", "weights", "products", "sparse"].map { Table.Column($0) },
      rows: cost.layers.map {
        [$0.name, "\($0.weights)", "\($0.products)", "\($0.isSparse)"]
      })
  }

  var members: JSONObject {
    [
      "model": .string(model), "rule": .string(Self.rule), "sparsity": JSONValue(cost.sparsity),
      "gradient_sparsity": JSONValue(cost.gradientSparsity),
      "forward_products": JSONValue(cost.forwardProducts),
      "dense_share": JSONValue(cost.denseShare), "data_share": JSONValue(cost.dataShare),
      "ratio": JSONValue(cost.ratio), "ratio_with_data": JSONValue(cost.ratioWithData),
      "ratio_if_all_sparse": JSONValue(cost.ratioIfAllSparse), "layers": .array(lines),
    ]
  }

  var lines: [JSONValue] {
    cost.layers.map {
      .object([
        "name": .string($0.name), "weights": JSONValue($0.weights),
        "products": JSONValue($0.products), "sparse": .bool($0.isSparse),
      ])
    }
  }
}
