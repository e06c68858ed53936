import Base
package import Checkpoints
import TensorCore

/// Two models whose tensors are paired, before their values are read.
package struct ModelComparison: Sendable {
  private let a: Checkpoint
  private let b: Checkpoint
  private var pairs: TensorPairs

  /// Pairs the tensors by their names.
  ///
  /// - Parameter selects: Returns true for the names of the tensors that are compared: the names in A, and those in B of
  ///   tensors that only B has.
  /// - Throws: ``UsageError`` if the map leads two tensors to one name.
  package init(
    _ a: Checkpoint, _ b: Checkpoint, names: NameMap = NameMap(),
    selecting selects: (String) -> Bool = { _ in true }
  ) throws {
    self.a = a
    self.b = b
    pairs = try TensorPairs(a.tensors, b.tensors, names: names, selecting: selects)
  }

  /// The pairs whose values are compared, with their positions in the list of pairs.
  private var readPairs: [(index: Int, pair: DifferenceSurvey.Pair)] {
    pairs.pairs.enumerated().compactMap { index, pair in
      guard let x = pair.a, let y = pair.b, x.fault == nil, y.fault == nil,
        x.info.shape == y.info.shape, DifferenceSurvey.compares(x.info.dtype, y.info.dtype),
        !x.equalsByChecksum(y)
      else { return nil }
      return (index, DifferenceSurvey.Pair(a: x, b: y))
    }
  }

  /// The tensors without a counterpart, which are read to find renamed ones.
  private var aloneTensors: [LazyTensor] {
    pairs.pairs.compactMap { $0.a == nil ? $0.b : $0.b == nil ? $0.a : nil }
  }

  /// The number of bytes that are read at most.
  package var byteCount: Int {
    readPairs.reduce(0) { $0 + $1.pair.a.info.byteCount + $1.pair.b.info.byteCount }
      + aloneTensors.reduce(0) { $0 + $1.info.byteCount }
  }

  /// The number of tensors of both models.
  package var tensorCount: Int { a.tensors.count + b.tensors.count }

  /// The number of bytes that each worker needs.
  package var workspaceByteCount: Int {
    // A renamed tensor is read again together with its counterpart.
    let alone = aloneTensors.map { DifferenceSurvey.Pair(a: $0, b: $0) }
    return max(
      DifferenceSurvey.workspaceByteCount(readPairs.map(\.pair) + alone),
      Engine.workspaceByteCount(of: a.companions + b.companions, extra: { _ in 0 }))
  }

  /// Reads the values and returns the difference of B from A.
  /// - Throws: Errors of reading other than damage, which the difference names.
  package func difference(
    metric: DifferenceMetric, tolerance: Double?, engine: Engine
  ) throws -> ModelDifference {
    var joined = self
    try joined.pairs.joinRenamed(engine: engine)
    let read = joined.readPairs
    let outcomes = try DifferenceSurvey.outcomes(of: read.map(\.pair), engine: engine)
    var byIndex: [Int: DifferenceSurvey.Outcome] = [:]
    for (pair, outcome) in zip(read, outcomes) { byIndex[pair.index] = outcome }
    let companions = try CompanionDifference(a, b, engine: engine)
    return ModelDifference(
      a: companions.model(a, companions.configurationA),
      b: companions.model(b, companions.configurationB), metric: metric, tolerance: tolerance,
      tensors: joined.pairs.pairs.enumerated().map { index, pair in
        Self.tensor(pair, byIndex[index])
      },
      metadata: Self.metadata(a, b), configuration: companions.configuration,
      files: companions.files)
  }

  private static func tensor(
    _ pair: TensorPairs.Pair, _ outcome: DifferenceSurvey.Outcome?
  ) -> TensorDifference {
    let (a, b) = (pair.a.map(side), pair.b.map(side))
    let faults = pair.faults.map { $0.message.text(.plain) }
    guard faults.isEmpty else { return TensorDifference(.damaged, a: a, b: b, faults: faults) }
    guard let x = pair.a, let y = pair.b else {
      return TensorDifference(pair.b == nil ? .missing : .added, a: a, b: b)
    }
    guard x.info.shape == y.info.shape else { return TensorDifference(.shape, a: a, b: b) }
    guard let outcome else {
      return x.equalsByChecksum(y)
        ? TensorDifference(.equal, a: a, b: b, isEqualByChecksum: true)
        : TensorDifference(.changed, a: a, b: b)
    }
    let measures = Measures(outcome.sums, valueCount: outcome.valueCount)
    let status: TensorDifference.Status
    if !outcome.faults.isEmpty {
      status = .damaged
    } else if outcome.hasEqualBytes, x.info.dtype == y.info.dtype {
      status = .equal
    } else if measures.changedCount == 0, x.info.dtype.isFloat || x.info.dtype != y.info.dtype {
      status = .equalValues
    } else {
      // Large integers may differ and be the same number in float64.
      status = .changed
    }
    return TensorDifference(
      status, a: a, b: b,
      measures: outcome.valueCount > 0 || outcome.faults.isEmpty ? measures : nil,
      faults: outcome.faults)
  }

  private static func side(_ tensor: LazyTensor) -> TensorDifference.Side {
    TensorDifference.Side(
      name: tensor.name, dtype: tensor.info.dtype.name, shape: tensor.info.shape.dimensions,
      storedByteCount: tensor.stored.byteCount)
  }

  private static func metadata(_ a: Checkpoint, _ b: Checkpoint) -> [ModelDifference.Entry] {
    func texts(_ checkpoint: Checkpoint) -> [(UTF8Key, String)] {
      checkpoint.metadata.map { (UTF8Key($0.key), $0.value.text) }
    }
    return ModelDifference.Entry.differences(texts(a), texts(b), name: \.text)
  }
}

extension ModelDifference.Entry {
  /// Returns the entries that have a fault or are not the same on both sides, in the order of A and then of B.
  ///
  /// - Parameters:
  ///   - faults: The reasons why entries cannot be read.
  ///   - name: Returns the name of an entry for people.
  static func differences<Key: Hashable>(
    _ a: [(Key, String)], _ b: [(Key, String)], faults: [Key: String] = [:],
    name: (Key) -> String
  ) -> [ModelDifference.Entry] {
    let others = Dictionary(b, uniquingKeysWith: { $1 })
    let own = Set(a.map { $0.0 })
    let changed = a.compactMap { key, value -> ModelDifference.Entry? in
      let other = others[key]
      guard faults[key] != nil || !(other.map { $0.equalsAsBytes(value) } ?? false) else {
        return nil
      }
      return ModelDifference.Entry(name: name(key), a: value, b: other, fault: faults[key])
    }
    let added = b.filter { !own.contains($0.0) }.map { key, value in
      ModelDifference.Entry(name: name(key), a: nil, b: value, fault: faults[key])
    }
    return changed + added
  }
}
