import Base
import Examples
import SparCL

/// The random choices of a continual training: drawn, or given.
///
/// Random numbers depend on their purpose, the seed and a counter alone, so that a run that was ended makes the same
/// choices again.
package struct ContinualDraws: Sendable {
  /// Choices that another program has made.
  package struct Given: Sendable {
    /// The order of the remaining examples in each epoch of all tasks.
    package var orders: [[Int]] = []
    /// The places of the buffer that each replayed batch reads, in the order of use.
    package var choices: [[Int]] = []
    /// The draw for each example that finds the buffer full.
    package var reservoir: [Int] = []
    /// The places that each change of the masks adds, by names of weights.
    package var grown: [[String: [Int]]] = []
    /// The examples in the order in which they leave, for each removal.
    package var removals: [[Int]] = []
    /// The path of the file, for messages.
    package var path: String

    package init(path: String) { self.path = path }
  }

  private let seed: UInt64
  private let given: Given?

  package init(seed: UInt64, given: Given? = nil) {
    self.seed = seed
    self.given = given
  }

  /// The bytes of given choices in memory.
  var byteCount: Int {
    guard let given else { return 0 }
    let lists = given.orders + given.choices + given.removals + [given.reservoir]
    let places = given.grown.map { $0.values.reduce(0) { $0 + $1.count } }
    return 8 * (lists.reduce(0) { $0 + $1.count } + places.reduce(0, +))
  }

  private func fault(_ reason: String) -> FormatError {
    FormatError(.trainingData, reason, path: given?.path ?? "", hint: Self.hint)
  }

  private static var hint: Message { "use draws of a training with the same data and settings" }

  /// Returns entry `index` of given draws.
  private func entry<T>(_ list: [T], _ index: Int, _ kind: String) throws -> T {
    guard index < list.count else {
      throw fault("has \(list.count.counted(kind)), expected more")
    }
    return list[index]
  }

  /// Returns the numbers below `count` in the order of an epoch.
  func order(ofEpoch epoch: Int, count: Int) throws -> [Int] {
    guard let given else {
      return Draws("order", seed: seed).permutation(count, step: epoch)
    }
    let order = try entry(given.orders, epoch, "order")
    guard order.sorted() == Array(0..<count) else {
      throw fault("order \(epoch) is not one of the \(count) examples that remain")
    }
    return order
  }

  /// Returns different places below `bound` for a replayed batch.
  /// - Parameters:
  ///   - index: The number of the batch among all replayed ones.
  func choice(_ count: Int, below bound: Int, index: Int) throws -> [Int] {
    guard let given else {
      let draws = Draws("replay", seed: seed)
      var places = Array(0..<bound)
      for place in 0..<count {
        let other = draws.number(below: bound - place, step: index, index: place)
        places.swapAt(place, place + other)
      }
      return Array(places[..<count])
    }
    let choice = Array(try entry(given.choices, index, "choice").prefix(count))
    guard choice.count == count, choice.allSatisfy({ (0..<bound).contains($0) }),
      Set(choice).count == count
    else { throw fault("choice \(index) is not \(count) different places below \(bound)") }
    return choice
  }

  /// Returns a number below `bound` for an example that finds the buffer full.
  /// - Parameter index: The number of such examples before it.
  func reservoir(below bound: Int, index: Int) throws -> Int {
    guard let given else {
      return Draws("reservoir", seed: seed).number(below: bound, step: index, index: 0)
    }
    let draw = try entry(given.reservoir, index, "draw of the reservoir")
    guard (0..<bound).contains(draw) else {
      throw fault("draw \(index) of the reservoir is \(draw), expected 0 to \(bound - 1)")
    }
    return draw
  }

  /// Returns the mask of a layer after its growth, and the places that are added to it.
  /// - Parameters:
  ///   - update: The number of changes of the masks before.
  ///   - pruned: The weights of the layer, which are 0 where they are pruned.
  func grown<R: WeightNumber>(
    _ name: String, update: Int, _ pruned: [R], _ growth: WeightMask.Growth
  ) throws -> (mask: [Bool], added: [Int]) {
    guard let given, case .random(let count) = growth else {
      let draws = Draws("grow " + name, seed: seed)
      return WeightMask.grown(pruned, growth) { draws.number(below: $0, step: update, index: $1) }
    }
    let places = try entry(given.grown, update, "change of masks")[name] ?? []
    do {
      return (try WeightMask.grown(pruned, by: count, at: places), places)
    } catch {
      throw FormatError(
        .trainingData, error.reason, path: given.path, tensor: "update/\(update)/grown/\(name)",
        hint: Self.hint)
    }
  }

  /// Returns the order in which examples leave; nil for that of their counts.
  func removal(_ index: Int, of examples: [Int]) throws -> [Int]? {
    guard let given else { return nil }
    let order = try entry(given.removals, index, "removal")
    guard order.sorted() == examples.sorted() else {
      throw fault("removal \(index) is not an order of the examples that were seen")
    }
    return order
  }
}
