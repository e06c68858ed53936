import Base
import Checkpoints
import SparCL
import TensorCore
import Training

/// A file with the choices of another program, in place of random ones.
///
/// `draws/permutation/E` has the order of the remaining examples in epoch E, counted over all tasks; `draws/buffer_choice`
/// has a row of places of the buffer for each replayed batch; `draws/reservoir` a number for each example that finds the
/// buffer full; `update/U/grown/NAME` the places that change U of the masks adds to a layer; `removal/R/order` the examples
/// in the order in which they leave. The last two may start with `f32/`, or with `f64/` where there is none with `f32/`.
enum ContinualDrawsFile {
  static func read(
    _ path: String, _ recipe: ContinualRecipe, _ batch: Int, _ context: OperationContext
  ) throws -> (draws: ContinualDraws.Given, digest: String) {
    let checkpoint = try context.read(path, for: .report)
    let tensors = Dictionary(
      checkpoint.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var digests = ""
    func tensor(_ name: String) -> LazyTensor? {
      ["", "f32/", "f64/"].lazy.compactMap { tensors[$0 + name] }.first
    }
    func integers(_ tensor: LazyTensor) throws -> [Int] {
      digests += XXH64.digits(of: try tensor.bytes())
      return try tensor.integers(path: path)
    }
    var draws = ContinualDraws.Given(path: path)
    while let order = tensors["draws/permutation/\(draws.orders.count)"] {
      draws.orders.append(try integers(order))
    }
    if let choices = tensors["draws/buffer_choice"] {
      let width = max(1, choices.info.shape.dimensions.last ?? 1)
      let all = try integers(choices)
      draws.choices = stride(from: 0, to: all.count, by: width).map {
        Array(all[$0..<min(all.count, $0 + width)])
      }
    }
    draws.reservoir = try tensors["draws/reservoir"].map(integers) ?? []
    let perTask = (0..<recipe.epochs).count { recipe.schedule.bounds(ofEpoch: $0) != nil }
    for update in 0..<perTask * recipe.tasks.count {
      var grown: [String: [Int]] = [:]
      for name in recipe.layers.sorted() {
        guard let places = tensor("update/\(update)/grown/\(name)") else { continue }
        grown[name] = try integers(places)
      }
      draws.grown.append(grown)
    }
    while let order = tensor("removal/\(draws.removals.count)/order") {
      draws.removals.append(try integers(order))
    }
    guard draws.orders.count >= recipe.epochs * recipe.tasks.count else {
      throw UsageError(
        "\(path.printable) has \(draws.orders.count.counted("order")) of examples, expected one "
          + "for each of \(recipe.epochs * recipe.tasks.count) epochs, as draws/permutation/0 and on"
      )
    }
    return (draws, XXH64.digits(of: Array(digests.utf8)))
  }
}
