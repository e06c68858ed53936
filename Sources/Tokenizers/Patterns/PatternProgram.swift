/// A pattern as instructions of a backtracking machine.
struct PatternProgram: Sendable {
  /// An instruction; targets are indexes of instructions.
  enum Instruction: Equatable, Sendable {
    /// Passes one scalar of the set with this index.
    case set(Int)
    /// Passes from `minimum` to `maximum` scalars of a set.
    case setLoop(Int, minimum: Int, maximum: Int, PatternNode.Greed)
    /// Continues at `first`, and at `second` if that fails.
    case fork(first: Int, second: Int)
    case jump(Int)
    /// Matches the instructions that follow, up to `accept`, without moving, and continues at `end`.
    case lookahead(isNegative: Bool, end: Int)
    /// Matches the instructions that follow, up to `accept`, finally, and continues at `end`.
    case atomic(end: Int)
    case lineStart, lineEnd, textStart, textEnd
    case accept
  }

  private static let instructionLimit = 20_000

  private(set) var instructions: [Instruction] = []
  private(set) var sets: [ScalarSet] = []

  /// Returns the program of a pattern.
  /// - Throws: ``PatternError`` if the text is not a pattern or uses a construct that is not supported.
  static func compile(_ text: String) throws(PatternError) -> PatternProgram {
    var program = PatternProgram()
    try program.append(try PatternParser.parse(text))
    program.instructions.append(.accept)
    return program
  }

  private mutating func append(_ node: PatternNode) throws(PatternError) {
    guard instructions.count < Self.instructionLimit else {
      throw PatternError(
        reason: "repetitions that need more than \(Self.instructionLimit) steps", scalarOffset: 0)
    }
    switch node {
    case .set(let set): instructions.append(.set(index(of: set)))
    case .sequence(let nodes): for node in nodes { try append(node) }
    case .choice(let nodes): try append(choice: nodes[...])
    case .loop(let body, let minimum, let maximum, let greed):
      try append(loop: body, minimum, maximum, greed)
    case .lookahead(let body, let isNegative):
      try append(body) { .lookahead(isNegative: isNegative, end: $0) }
    case .atomic(let body): try append(body) { .atomic(end: $0) }
    case .lineStart: instructions.append(.lineStart)
    case .lineEnd: instructions.append(.lineEnd)
    case .textStart: instructions.append(.textStart)
    case .textEnd: instructions.append(.textEnd)
    }
  }

  private mutating func index(of set: ScalarSet) -> Int {
    if let index = sets.firstIndex(of: set) { return index }
    sets.append(set)
    return sets.count - 1
  }

  /// Appends `body` with an `accept` after it, and before it the instruction that `make` returns for the end.
  private mutating func append(
    _ body: PatternNode, _ make: (Int) -> Instruction
  ) throws(PatternError) {
    let start = instructions.count
    instructions.append(.accept)
    try append(body)
    instructions.append(.accept)
    instructions[start] = make(instructions.count)
  }

  private mutating func append(choice nodes: ArraySlice<PatternNode>) throws(PatternError) {
    var jumps: [Int] = []
    for (index, node) in zip(nodes.indices, nodes) {
      guard index < nodes.endIndex - 1 else {
        try append(node)
        break
      }
      let fork = instructions.count
      instructions.append(.accept)
      try append(node)
      jumps.append(instructions.count)
      instructions.append(.accept)
      instructions[fork] = .fork(first: fork + 1, second: instructions.count)
    }
    for jump in jumps { instructions[jump] = .jump(instructions.count) }
  }

  private mutating func append(
    loop body: PatternNode, _ minimum: Int, _ maximum: Int?, _ greed: PatternNode.Greed
  ) throws(PatternError) {
    if case .set(let set) = body {
      instructions.append(
        .setLoop(index(of: set), minimum: minimum, maximum: maximum ?? .max, greed))
      return
    }
    if greed == .possessive {
      return try append(
        .atomic(.loop(body, minimum: minimum, maximum: maximum, .greedy)))
    }
    for _ in 0..<minimum { try append(body) }
    if let maximum {
      var forks: [Int] = []
      for _ in minimum..<maximum {
        forks.append(instructions.count)
        instructions.append(.accept)
        try append(body)
      }
      for fork in forks { setFork(fork, end: instructions.count, greed) }
    } else {
      let fork = instructions.count
      instructions.append(.accept)
      try append(body)
      instructions.append(.jump(fork))
      setFork(fork, end: instructions.count, greed)
    }
  }

  private mutating func setFork(_ fork: Int, end: Int, _ greed: PatternNode.Greed) {
    instructions[fork] =
      greed == .lazy
      ? .fork(first: end, second: fork + 1) : .fork(first: fork + 1, second: end)
  }
}
