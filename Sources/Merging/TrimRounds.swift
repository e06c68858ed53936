import Base
import Checkpoints
import Surveys
import Synchronization
import TensorCore

/// A search for common bounds of all tensors, whose passes separate tasks do over some of the tensors each.
///
/// The first two rounds count digits of magnitudes, the third counts the magnitudes that equal a bound. Counts are added,
/// so that the bounds are those of one process. The state consists of the sums; the search is replayed from them.
struct TrimRounds {
  static let count = 3

  /// All trimmed tensors in the order of names: among equal magnitudes, those of the first tensors are kept.
  let tensors: [PlannedTensor]
  private let seed: UInt64
  private let trims: [Trim]
  private let total: Int

  init(_ tensors: [PlannedTensor], seed: UInt64) {
    self.tensors = tensors.sorted { $0.info.name.precedesAsBytes($1.info.name) }
    self.seed = seed
    trims = TrimBounds.trims(of: self.tensors)
    total = tensors.reduce(0) { $0 + $1.info.elementCount }
  }

  /// True if values must be read to find bounds.
  var isNeeded: Bool { !TrimBounds.bounds(of: trims, total: total).isEmpty }

  /// The sums of the rounds that are complete.
  private struct State {
    /// For each of the first two rounds, the counts of each question.
    var answers: [[DigitCounts.Answer]] = []
    /// For each bound that cuts ties, the ties of each tensor.
    var ties: [[Int]]?
  }

  // MARK: Replay

  private func bounds(_ state: State) throws -> [TrimBounds.Bound] {
    var bounds = TrimBounds.bounds(of: trims, total: total)
    for answers in state.answers {
      for index in bounds.indices {
        let model = bounds[index].model
        guard let digits = bounds[index].search.question,
          let answer = answers.first(where: { $0.model == model && $0.counts.digits == digits }),
          bounds[index].search.take(answer.counts)
        else { throw ChangedInputError(path: path) }
      }
    }
    if state.answers.count == 2 { TrimBounds.settleTies(&bounds) }
    return bounds
  }

  private var path: String { tensors.first?.operands[0].path ?? "" }

  private func indices(of names: Set<UTF8Key>) -> [Int] {
    tensors.indices.filter { names.contains(UTF8Key(tensors[$0].info.name)) }
  }

  // MARK: Rounds

  /// Surveys some of the tensors for the next round.
  func survey(only names: Set<UTF8Key>, state json: JSONValue?, engine: Engine) throws -> JSONValue
  {
    let state = try state(json)
    let bounds = try bounds(state)
    let own = indices(of: names)
    let search = TrimBounds(own.map { tensors[$0] }, seed: seed, engine: engine)
    defer { search.meter.finish() }
    guard state.answers.count == 2 else {
      var questions: [TrimBounds.Question] = []
      for bound in bounds {
        guard let digits = bound.search.question else { continue }
        let question = TrimBounds.Question(model: bound.model, digits: digits)
        if !questions.contains(question) { questions.append(question) }
      }
      let counts = try search.counts(questions)
      return .object([
        "answers": .array(
          zip(questions, counts).map { DigitCounts.Answer(model: $0.model, counts: $1).json })
      ])
    }
    let ties = try search.tieCounts(bounds.filter(\.cutsTies))
    return .object([
      "tensors": .array(own.map { JSONValue($0) }),
      "ties": .array(ties.map { .array($0.map { JSONValue($0) }) }),
    ])
  }

  /// Returns the state after the next round.
  func combined(
    _ results: [() throws -> JSONValue], state json: JSONValue?
  ) throws -> JSONValue {
    var state = try state(json)
    if state.answers.count < 2 {
      var sums: [DigitCounts.Answer] = []
      for result in results {
        for answer in try answers(result()) {
          if let index = sums.firstIndex(where: { $0.isSame(question: answer) }) {
            sums[index].counts.merge(answer.counts)
          } else {
            sums.append(answer)
          }
        }
      }
      state.answers.append(sums)
    } else {
      let open = try bounds(state).count(where: \.cutsTies)
      var ties = [[Int]](repeating: Array(repeating: 0, count: tensors.count), count: open)
      for result in results { try add(result(), to: &ties) }
      state.ties = ties
    }
    // Contradictions show now, and not in the tasks that follow.
    _ = try bounds(state)
    return document(state)
  }

  private func add(_ result: JSONValue, to ties: inout [[Int]]) throws {
    guard let own = result["tensors"]?.asArray?.compactMap(\.asInt),
      let found = result["ties"]?.asArray, found.count == ties.count,
      own.allSatisfy(tensors.indices.contains)
    else { throw ChangedInputError(path: path) }
    for (bound, list) in found.enumerated() {
      let counts = list.asArray?.compactMap(\.asInt) ?? []
      guard counts.count == own.count else { throw ChangedInputError(path: path) }
      for (tensor, count) in zip(own, counts) where (0...Shape.productLimit).contains(count) {
        ties[bound][tensor] = count
      }
    }
  }

  /// Returns the values to keep of some of the tensors, for each model.
  func keeps(
    only names: Set<UTF8Key>, state json: JSONValue, engine: Engine
  ) throws -> [UTF8Key: [SettledCombination.Keep]] {
    let state = try state(json)
    var bounds = try bounds(state)
    let own = indices(of: names)
    let open = bounds.indices.filter { bounds[$0].cutsTies }
    guard state.answers.count == 2, let ties = state.ties, ties.count == open.count else {
      throw ChangedInputError(path: path)
    }
    for (counts, index) in zip(ties, open) {
      var tensorCounts = TieCounts(tileCount: tensors.count)
      for (tensor, count) in counts.enumerated() { tensorCounts.set(count, ofTile: tensor) }
      guard let last = tensorCounts.last(of: bounds[index].kept) else {
        throw ChangedInputError(path: path)
      }
      // Only the tensor with the last tie needs to know the element.
      var end = (tensor: last.tile, element: Int.max)
      if own.contains(last.tile) {
        var bound = bounds[index]
        bound.kept = last.occurrence
        let search = TrimBounds([tensors[last.tile]], seed: seed, engine: engine)
        end.element = try search.lastTies([bound], path: path)[0].element
      }
      bounds[index].end = end
    }
    var keeps: [UTF8Key: [SettledCombination.Keep]] = [:]
    for index in own {
      keeps[UTF8Key(tensors[index].info.name)] = TrimBounds.keeps(
        bounds, trims, tensor: index, total: total)
    }
    return keeps
  }

  // MARK: JSON

  private func answers(_ json: JSONValue) throws -> [DigitCounts.Answer] {
    guard let list = json["answers"]?.asArray else { throw ChangedInputError(path: path) }
    let answers = list.compactMap(DigitCounts.Answer.init)
    guard answers.count == list.count else { throw ChangedInputError(path: path) }
    return answers
  }

  private func state(_ json: JSONValue?) throws -> State {
    guard let json else { return State() }
    guard let rounds = json["rounds"]?.asArray, rounds.count <= 2 else {
      throw ChangedInputError(path: path)
    }
    var state = State()
    state.answers = try rounds.map(answers)
    if let ties = json["ties"]?.asArray {
      let lists = ties.map { $0.asArray?.compactMap(\.asInt) ?? [] }
      guard lists.allSatisfy({ $0.count == tensors.count }) else {
        throw ChangedInputError(path: path)
      }
      state.ties = lists
    }
    return state
  }

  private func document(_ state: State) -> JSONValue {
    .object([
      "rounds": .array(
        state.answers.map { .object(["answers": .array($0.map(\.json))]) }),
      "ties": state.ties.map { .array($0.map { .array($0.map { JSONValue($0) }) }) } ?? .null,
    ])
  }
}

extension TrimBounds {
  /// Returns the number of magnitudes that equal the threshold of each bound, for each tensor.
  func tieCounts(_ bounds: [Bound]) throws -> [[Int]] {
    guard !bounds.isEmpty else { return [] }
    let counts = Mutex(
      [[Int]](repeating: Array(repeating: 0, count: tensors.count), count: bounds.count))
    let tiles = tiles
    try forEachTile(of: bounds.map(\.model)) { _ in
      bounds.map { _ in 0 }
    } add: { found, index, _, values, _ in
      found[index] +=
        Kernels.best.count(ofMagnitude: bounds[index].search.threshold, in: values).equal
    } finish: { number, found, _ in
      let tensor = tiles[number].tensor
      counts.withLock { counts in
        for index in found.indices { counts[index][tensor] += found[index] }
      }
    }
    return counts.withLock { $0 }
  }
}

extension DigitCounts {
  /// The counts of the digits of one model's differences.
  fileprivate struct Answer {
    var model: Int
    var counts: DigitCounts

    init(model: Int, counts: DigitCounts) {
      self.model = model
      self.counts = counts
    }

    func isSame(question other: Answer) -> Bool {
      model == other.model && counts.digits == other.counts.digits
    }

    var json: JSONValue {
      let upper: JSONValue =
        switch counts.digits {
        case .upper: .null
        case .lower(let upper): JSONValue(upper)
        }
      let filled = counts.counts.enumerated().filter { $0.element > 0 }
      return .object([
        "model": JSONValue(model), "upper": upper,
        "counts": .array(filled.map { .array([JSONValue($0.offset), JSONValue($0.element)]) }),
      ])
    }

    init?(_ json: JSONValue) {
      guard let model = json["model"]?.asInt, let list = json["counts"]?.asArray else { return nil }
      let upper = json["upper"]?.asInt
      if let upper, !(0..<1 << 16).contains(upper) { return nil }
      var counts = DigitCounts(upper.map { .lower(upper: $0) } ?? .upper)
      for pair in list {
        guard let pair = pair.asArray, pair.count == 2, let digit = pair[0].asInt,
          counts.counts.indices.contains(digit), let count = pair[1].asUInt64, count < 1 << 56
        else { return nil }
        counts.add(count, to: digit)
      }
      self.init(model: model, counts: counts)
    }
  }
}
