package import Base
package import Checkpoints
package import Models
package import Surveys
package import TensorCore

/// The `prune` operation: the tensors to prune and the rule that selects their weights.
package struct Pruning: Sendable {
  /// The groups within which weights are compared.
  package enum Scope: String, CaseIterable, Sendable {
    /// Each output of a matrix, of an expert's matrix, or of a convolution.
    case neuron
    /// Each tensor.
    case layer
    /// All tensors together.
    case global
  }

  /// The rule that selects the weights to drop.
  package enum Selecting: Sendable {
    /// Drops an amount of each group in each iteration.
    case amount(Amount, scope: Scope, iterations: Int)
    /// Keeps an N:M pattern.
    case pattern(Pattern)
  }

  package var score: any PruningScore
  package var selecting: Selecting
  package var selection: Selection
  package var initialMask: InitialMask
  /// The options of the method, as `lineage` and reports show them.
  package var options: [Lineage.Option]
  /// The roles of the tensors if they are known; otherwise they are derived whenever they are needed.
  package var roles: TensorRoles?

  package init(
    score: any PruningScore, selecting: Selecting, selection: Selection = Selection(),
    initialMask: InitialMask = .nothing, options: [Lineage.Option] = []
  ) {
    self.score = score
    self.selecting = selecting
    self.selection = selection
    self.initialMask = initialMask
    self.options = options
  }

  /// The exponents of the PQ Index that the report shows.
  package var exponents: PQIndex {
    if case .amount(let amount, _, _) = selecting { amount.exponents } else { .standard }
  }

  /// True if the selection includes tensors by name, so that only the selection decides.
  var decidesAlone: Bool {
    selection.names != nil
      || selection.rules.contains { if case .include = $0 { true } else { false } }
  }

  func roles(of checkpoint: Checkpoint) -> TensorRoles { roles ?? TensorRoles(checkpoint) }

  /// Returns the indices of the tensors in scope, each once.
  ///
  /// The default scope is the matrices, convolutions, embeddings and experts. A selection that includes tensors by name
  /// replaces this default; a selection that only excludes tensors restricts it.
  package func tensorIndices(in checkpoint: Checkpoint) -> [Int] {
    let roles = roles(of: checkpoint)
    return checkpoint.tensors.indices.filter { index in
      let tensor = checkpoint.tensors[index]
      return tensor.aliasOf == nil && reason(tensor, roles) == nil
    }
  }

  /// Returns why a tensor is out of scope; nil if it is in scope.
  private func reason(_ tensor: LazyTensor, _ roles: TensorRoles) -> OutOfScope.Reason? {
    if !selection.contains(tensor.name) { return .notSelected }
    return decidesAlone ? nil : roles.exemption(of: tensor.info).map { .exempt($0) }
  }

  /// Returns the values that are out of scope.
  package func outOfScope(_ checkpoint: Checkpoint) -> OutOfScope {
    let roles = roles(of: checkpoint)
    return checkpoint.tensors.reduce(into: OutOfScope()) { scope, tensor in
      if tensor.aliasOf == nil { scope.add(tensor.info, reason(tensor, roles)) }
    }
  }

  // MARK: Memory

  private func reading(_ tensor: LazyTensor, _ roles: TensorRoles) -> MaskedReading {
    MaskedReading(
      tensor: tensor, rows: roles.rows(of: tensor.info), score: score, initialMask: initialMask)
  }

  /// Returns the memory of each worker while the tensors are surveyed, in bytes.
  package func workspaceByteCount(_ checkpoint: Checkpoint) -> Int {
    let roles = roles(of: checkpoint)
    return tensorIndices(in: checkpoint).map { index in
      let reading = reading(checkpoint.tensors[index], roles)
      return switch selecting {
      case .pattern(let pattern): PatternSurvey.workspaceByteCount(reading, pattern)
      case .amount:
        max(LargeGroup.workspaceByteCount(reading), SmallGroups.workspaceByteCount(reading))
      }
    }.max() ?? 0
  }

  /// Returns the memory for the results of all groups, in bytes.
  package func fixedByteCount(_ checkpoint: Checkpoint) -> Int {
    let roles = roles(of: checkpoint)
    let groups = tensorIndices(in: checkpoint).reduce(0) { sum, index in
      let info = checkpoint.tensors[index].info
      // If a tensor has values, it has no more rows than values.
      guard case .amount(_, .neuron, _) = selecting, info.elementCount > 0 else { return sum + 1 }
      return sum + roles.rows(of: info).count
    }
    return groups * 128 + MagnitudeHistogram.binCount * 32 + (2 << 20)
  }

  /// The maximum number of iterations.
  package static let iterationLimit = 10_000

  /// Returns the number of bytes that surveys read, for progress; approximate for groups that are ranked in passes.
  package func surveyByteCount(_ checkpoint: Checkpoint) -> Int {
    tensorIndices(in: checkpoint).reduce(0) {
      let info = checkpoint.tensors[$1].info
      return $0 + passCount(groupLength: groupLength(of: info)) * info.byteCount
    }
  }

  /// The number of values of a tensor that are ranked together; nil if those of all tensors are.
  private func groupLength(of info: TensorInfo) -> Int? {
    guard case .amount(_, let scope, _) = selecting else { return 0 }
    switch scope {
    case .neuron: return info.elementCount / max(1, info.shape.dimensions.first ?? 1)
    case .layer: return info.elementCount
    case .global: return nil
    }
  }

  /// Returns the number of passes over a group; small groups are surveyed in memory.
  private func passCount(groupLength: Int?) -> Int {
    guard case .amount(_, _, let iterations) = selecting else { return 1 }
    if let groupLength, groupLength <= SmallGroups.elementLimit { return 1 }
    return 2 * iterations + 1
  }

  // MARK: Work

  /// Returns readers of the tensors in scope, in the order of names.
  func sortedReadings(of checkpoint: Checkpoint) -> [MaskedReading] {
    let roles = roles(of: checkpoint)
    return sortedTensorIndices(in: checkpoint).map { reading(checkpoint.tensors[$0], roles) }
  }

  func sortedTensorIndices(in checkpoint: Checkpoint) -> [Int] {
    tensorIndices(in: checkpoint).sorted {
      checkpoint.tensors[$0].name.precedesAsBytes(checkpoint.tensors[$1].name)
    }
  }

  /// Reads the tensors in scope and returns the weights that are kept of each.
  package func outcome(
    for checkpoint: Checkpoint, recordsDecisions: Bool, engine: Engine
  ) throws -> PruningOutcome {
    let readings = sortedReadings(of: checkpoint)
    var result = PruningOutcome(
      tensorIndices: sortedTensorIndices(in: checkpoint), readings: readings)
    switch selecting {
    case .pattern(let pattern):
      for (number, reading) in readings.enumerated() {
        result.tensors[number] = try PatternSurvey.outcome(
          reading, pattern, exponents: exponents, engine: engine)
      }
    case .amount(let amount, .global, let iterations):
      let group = Self.globalGroup(readings, amount: amount, iterations: iterations)
      result.add(try group.outcome(engine: engine), of: group)
    case .amount(let amount, let scope, let iterations):
      try survey(
        amount, scope, iterations, recordsDecisions: recordsDecisions, into: &result, engine)
    }
    return result
  }

  /// Returns the group of all tensors.
  static func globalGroup(
    _ readings: [MaskedReading], amount: Amount, iterations: Int
  ) -> LargeGroup {
    LargeGroup(
      parts: readings.map {
        LargeGroup.Part(reading: $0, elements: 0..<$0.tensor.info.elementCount)
      }, amount: amount, iterations: iterations)
  }

  /// Surveys tensors or neurons one by one; small groups in memory, several at a time.
  private func survey(
    _ amount: Amount, _ scope: Scope, _ iterations: Int, recordsDecisions: Bool,
    into result: inout PruningOutcome, _ engine: Engine
  ) throws {
    var small: [(number: Int, groups: SmallGroups)] = []
    for (number, reading) in result.readings.enumerated() {
      let info = reading.tensor.info
      guard info.elementCount > 0 else { continue }
      let count = scope == .neuron ? reading.rows.count : 1
      let length = info.elementCount / count
      let areStrided = scope == .neuron && !reading.rows.isContiguous
      guard length > SmallGroups.elementLimit else {
        let groups = SmallGroups(
          reading: reading, length: length, areStrided: areStrided, amount: amount,
          iterations: iterations)
        small.append((number, groups))
        continue
      }
      for group in 0..<count {
        let elements = group * length..<(group + 1) * length
        let large = LargeGroup(
          parts: [LargeGroup.Part(reading: reading, elements: elements)], amount: amount,
          iterations: iterations)
        result.add(try large.outcome(engine: engine), group: group, length: length, to: number)
      }
    }
    try SmallGroups.survey(small, recordsDecisions: recordsDecisions, into: &result, engine)
  }

  // MARK: Application

  /// Returns the checkpoint with 0 for each weight that is not kept.
  /// - Parameter initial: The checkpoint to rewind weights to. If it is given, kept weights have its values,
  ///   and all other tensors are taken from it.
  package func applied(
    to checkpoint: Checkpoint, _ outcome: PruningOutcome, rewindingTo initial: Checkpoint? = nil
  ) -> Checkpoint {
    var result = initial ?? checkpoint
    var numbers: [UTF8Key: Int] = [:]
    for (number, reading) in outcome.readings.enumerated() {
      numbers[UTF8Key(reading.tensor.name)] = number
    }
    for index in result.tensors.indices {
      let tensor = result.tensors[index]
      guard let number = numbers[UTF8Key(tensor.aliasOf ?? tensor.name)] else { continue }
      result.tensors[index].source = PrunedSource(
        reading: outcome.readings[number], rule: outcome.tensors[number].rule,
        initial: initial == nil ? nil : tensor.source, info: tensor.info)
    }
    return result
  }

  /// Returns the differences that pruning made, by the names of tensors in scope, after `pruned` was written.
  package func losses(
    of pruned: Checkpoint, _ outcome: PruningOutcome
  ) -> [UTF8Key: ValueLoss] {
    let names = Set(outcome.names.map(UTF8Key.init))
    var losses: [UTF8Key: ValueLoss] = [:]
    for tensor in pruned.tensors where names.contains(UTF8Key(tensor.name)) {
      losses[UTF8Key(tensor.name)] = tensor.source.loss?.total
    }
    return losses
  }

  /// Returns the masks as a checkpoint of U8 tensors.
  package func masks(of checkpoint: Checkpoint, _ outcome: PruningOutcome) throws -> Checkpoint {
    var result = checkpoint
    result.metadata = []
    result.removeCompanions()
    result.attributes = Attributes()
    result.tensors = try zip(outcome.readings, outcome.tensors).map { reading, tensor in
      var mask = reading.tensor
      mask.info = try TensorInfo(
        name: mask.name, dtype: .u8, shape: reading.tensor.info.shape)
      mask.source = MaskSource(reading: reading, rule: tensor.rule)
      mask.attributes = Attributes()
      mask.storage = .asIs
      return mask
    }
    return result
  }
}
