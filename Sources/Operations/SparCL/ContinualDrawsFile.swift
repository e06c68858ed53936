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
struct ContinualDrawsFile {
  private let path: String
  private let recipe: ContinualRecipe
  private let course: ContinualCourse
  private let checkpoint: Checkpoint
  private let tensors: [String: LazyTensor]
  private let context: OperationContext
  /// The digests of the tensors that were read.
  private var digests = ""

  /// Returns the choices of a file, and a digest of them.
  /// - Throws: ``UsageError`` or ``FormatError`` if choices are missing or do not fit the training. Choices that depend on
  ///   weights are checked when they are used.
  static func read(
    _ path: String, _ recipe: ContinualRecipe, _ course: ContinualCourse,
    _ context: OperationContext
  ) throws -> (draws: ContinualDraws.Given, digest: String) {
    var file = ContinualDrawsFile(
      path, recipe, course, try context.read(path, for: .report), context)
    var draws = ContinualDraws.Given(path: path)
    draws.orders = try file.orders()
    draws.choices = try file.choices()
    draws.reservoir = try file.reservoir()
    draws.grown = try file.grown()
    draws.removals = try file.removals()
    return (draws, XXH64.digits(of: Array(file.digests.utf8)))
  }

  private init(
    _ path: String, _ recipe: ContinualRecipe, _ course: ContinualCourse,
    _ checkpoint: Checkpoint, _ context: OperationContext
  ) {
    (self.path, self.recipe, self.course) = (path, recipe, course)
    (self.checkpoint, self.context) = (checkpoint, context)
    tensors = Dictionary(
      checkpoint.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Returns the tensor with a name, which may start with the name of a precision.
  private func tensor(_ name: String) -> LazyTensor? {
    ["", "f32/", "f64/"].lazy.compactMap { tensors[$0 + name] }.first
  }

  private mutating func integers(_ tensor: LazyTensor) throws -> [Int] {
    let data = try DataTensor(tensor, of: checkpoint, path: path, context)
    let numbers = try data.integers()
    digests += XXH64.digits(of: try tensor.bytes())
    return numbers
  }

  private func missing(_ name: String, _ expected: String) -> UsageError {
    UsageError("\(path.printable) has no tensor '\(name.printable)', expected \(expected)")
  }

  private func fault(_ tensor: LazyTensor, _ reason: String) -> FormatError {
    FormatError(
      .trainingData, reason, path: path, tensor: tensor.name,
      hint: "use draws of a training with the same data and settings")
  }

  // MARK: Choices

  private mutating func orders() throws -> [[Int]] {
    var orders: [[Int]] = []
    for task in recipe.tasks.indices {
      for epoch in 0..<recipe.epochs {
        let name = "draws/permutation/\(orders.count)"
        guard let tensor = tensors[name] else {
          throw missing(
            name, "an order of the examples for each of \(course.counts.epochs) epochs")
        }
        let (order, count) = (
          try integers(tensor), course.remainingCount(task: task, epoch: epoch)
        )
        guard order.sorted() == Array(0..<count) else {
          throw fault(tensor, "is not an order of the \(count) examples that remain")
        }
        orders.append(order)
      }
    }
    return orders
  }

  private mutating func choices() throws -> [[Int]] {
    let (name, count) = ("draws/buffer_choice", course.counts.replays)
    guard count > 0 else { return [] }
    guard let tensor = tensors[name] else {
      throw missing(name, "a row of places for each of \(count) replayed batches")
    }
    let shape = tensor.info.shape.dimensions
    guard shape.count == 2, shape[0] >= count, shape[1] >= min(course.batch, recipe.bufferSize)
    else {
      throw fault(
        tensor,
        "has the shape \(tensor.info.shape), expected a row of \(course.batch) places for "
          + "each of \(count) replayed batches")
    }
    let all = try integers(tensor)
    return (0..<shape[0]).map { Array(all[$0 * shape[1]..<($0 + 1) * shape[1]]) }
  }

  private mutating func reservoir() throws -> [Int] {
    let (name, count) = (
      "draws/reservoir", max(0, course.counts.offers - recipe.bufferSize)
    )
    guard count > 0 else { return [] }
    guard let tensor = tensors[name] else {
      throw missing(name, "a number for each of \(count) examples that find the buffer full")
    }
    let draws = try integers(tensor)
    guard draws.count >= count else {
      throw fault(
        tensor,
        "has \(draws.count.counted("number")), expected one for each of \(count) examples "
          + "that find the buffer full")
    }
    return draws
  }

  private mutating func grown() throws -> [[String: [Int]]] {
    let names = recipe.layers.sorted()
    return try (0..<course.counts.updates).map { update in
      var grown: [String: [Int]] = [:]
      for name in names {
        guard let places = tensor("update/\(update)/grown/\(name)") else { continue }
        grown[name] = try integers(places)
      }
      return grown
    }
  }

  private mutating func removals() throws -> [[Int]] {
    let count = course.counts.removals
    return try (0..<count).map { index in
      let name = "removal/\(index)/order"
      guard let order = tensor(name) else {
        throw missing(name, "an order of the examples for each of \(count) removals")
      }
      return try integers(order)
    }
  }
}
