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
  /// The shares of the weights and of the gradients of a sparse layer that are 0.
  package var sparsity: Double
  package var gradientSparsity: Double
  /// Patterns of the names of the sparse layers; the convolutions and hidden layers for none.
  package var layers: [String] = []
  /// The share of the examples that leaves and the last epoch before which they do, such as `30%:20`.
  package var removal: String?
  /// The number of epochs of a task; 50 for nil.
  package var epochs: Int?
  /// The number of epochs from one removal to the next; 5 for nil.
  package var maskInterval: Int?

  package init(model: String, sparsity: Double, gradientSparsity: Double) {
    (self.model, self.sparsity, self.gradientSparsity) = (model, sparsity, gradientSparsity)
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
      layers: layers, sparsity: sparsity, gradientSparsity: gradientSparsity)
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

  /// The settings of a training with one task.
  private var settings: SparclTrainSettings {
    get throws {
      for (name, count) in [("epochs", epochs), ("mask-every", maskInterval)]
      where count != nil && removal == nil {
        throw UsageError("\(setting: name) has no effect without \(setting: "remove")")
      }
      var settings = SparclTrainSettings(data: "", tasks: "0", epochs: epochs ?? 50)
      settings.masks = .fixed
      (settings.sparsity, settings.gradientSparsity) = (sparsity, gradientSparsity)
      (settings.layers, settings.removal) = (layers, removal)
      settings.maskInterval = maskInterval
      return settings
    }
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
