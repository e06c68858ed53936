/// The automaton of a ``NamePattern``.
struct NamePatternProgram: Sendable {
  enum Instruction: Sendable {
    case item(NamePatternItem)
    case start
    case end
    /// Continues at both instructions.
    case split(Int, Int)
    case jump(Int)
    case match
  }

  /// The maximum number of parts that are visited, so that nested repetitions of nothing have a bound too.
  private static let visitLimit = 4 * NamePattern.instructionLimit

  private(set) var instructions: [Instruction] = []
  private var visitCount = 0

  init(_ node: NamePatternNode) throws(NamePattern.Fault) {
    try append(node)
    instructions.append(.match)
  }

  // MARK: Compilation

  private mutating func append(_ node: NamePatternNode) throws(NamePattern.Fault) {
    visitCount += 1
    guard visitCount <= Self.visitLimit, instructions.count < NamePattern.instructionLimit else {
      throw NamePattern.Fault(
        reason: "repetitions of more than \(NamePattern.instructionLimit) parts are not supported",
        offset: 0)
    }
    switch node {
    case .item(let item): instructions.append(.item(item))
    case .start: instructions.append(.start)
    case .end: instructions.append(.end)
    case .sequence(let nodes): for node in nodes { try append(node) }
    case .choice(let branches): try append(branches[...])
    case .repeated(let node, let minimum, let maximum):
      for _ in 0..<minimum { try append(node) }
      guard let maximum else { return try appendLoop(node) }
      for _ in minimum..<maximum {
        try appendOption { program throws(NamePattern.Fault) in
          try program.append(node)
        }
      }
    }
  }

  private mutating func append(
    _ branches: ArraySlice<NamePatternNode>
  ) throws(NamePattern.Fault) {
    var jumps: [Int] = []
    for (index, branch) in branches.enumerated() {
      guard index < branches.count - 1 else {
        try append(branch)
        break
      }
      let split = instructions.count
      instructions.append(.match)
      try append(branch)
      jumps.append(instructions.count)
      instructions.append(.match)
      instructions[split] = .split(split + 1, instructions.count)
    }
    for jump in jumps { instructions[jump] = .jump(instructions.count) }
  }

  private mutating func appendLoop(_ node: NamePatternNode) throws(NamePattern.Fault) {
    try appendOption { program throws(NamePattern.Fault) in
      let start = program.instructions.count - 1
      try program.append(node)
      program.instructions.append(.jump(start))
    }
  }

  /// Appends a part that may be skipped.
  private mutating func appendOption(
    _ body: (inout NamePatternProgram) throws(NamePattern.Fault) -> Void
  ) throws(NamePattern.Fault) {
    let split = instructions.count
    instructions.append(.match)
    try body(&self)
    instructions[split] = .split(split + 1, instructions.count)
  }

  // MARK: Simulation

  /// Returns true if the program matches the subject from its start to its end, or from a later start.
  /// - Parameter isStartAfter: Returns true if a match may also start after a scalar.
  func matches(
    _ subject: [Unicode.Scalar], isStartAfter: (Unicode.Scalar) -> Bool
  ) -> Bool {
    var states = States(count: instructions.count)
    var following = States(count: instructions.count)
    add(0, to: &states, at: 0, of: subject.count)
    for (index, scalar) in subject.enumerated() {
      for state in states.members {
        if case .item(let item) = instructions[state], item.contains(scalar) {
          add(state + 1, to: &following, at: index + 1, of: subject.count)
        }
      }
      if isStartAfter(scalar) { add(0, to: &following, at: index + 1, of: subject.count) }
      swap(&states, &following)
      following.removeAll()
    }
    return states.members.contains {
      if case .match = instructions[$0] { true } else { false }
    }
  }

  /// Adds a state, and all states that it leads to without reading a scalar.
  private func add(_ state: Int, to states: inout States, at position: Int, of count: Int) {
    var pending = [state]
    while let state = pending.popLast() {
      guard states.insert(state) else { continue }
      switch instructions[state] {
      case .item, .match: break
      case .start: if position == 0 { pending.append(state + 1) }
      case .end: if position == count { pending.append(state + 1) }
      case .split(let first, let second): pending += [first, second]
      case .jump(let target): pending.append(target)
      }
    }
  }

  /// A set of states in the order in which they were added.
  private struct States {
    private(set) var members: [Int] = []
    private var isMember: [Bool]

    init(count: Int) { isMember = Array(repeating: false, count: count) }

    mutating func insert(_ state: Int) -> Bool {
      guard !isMember[state] else { return false }
      isMember[state] = true
      members.append(state)
      return true
    }

    mutating func removeAll() {
      for state in members { isMember[state] = false }
      members.removeAll(keepingCapacity: true)
    }
  }
}
