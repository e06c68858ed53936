import Base
import Checkpoints
import TensorCore

/// The tensors of two models, each with its counterpart.
struct TensorPairs {
  /// A tensor of A and its counterpart in B; one of them is nil if it is alone.
  struct Pair: Sendable {
    var a: LazyTensor?
    var b: LazyTensor?
    /// The damage that was found while the tensor was read alone.
    var damage: FormatError?

    /// The reasons why the tensors cannot be read, as far as they are known.
    var faults: [FormatError] { [a?.fault, b?.fault, damage].compactMap(\.self) }
  }

  /// The tensors of A in their order, then those of B that have no counterpart.
  private(set) var pairs: [Pair] = []

  /// Pairs tensors by their names.
  ///
  /// - Parameter selects: Returns true for the names of the tensors that are kept: the names in A, and those in B of
  ///   tensors that are not the counterpart of any tensor of A.
  /// - Throws: ``UsageError`` if the map leads two tensors that are kept to one name.
  init(
    _ a: [LazyTensor], _ b: [LazyTensor], names: NameMap, selecting selects: (String) -> Bool
  ) throws {
    var byName: [UTF8Key: Int] = [:]
    for (index, tensor) in b.enumerated() { byName[UTF8Key(tensor.name)] = index }
    var owners: [Int: String] = [:]
    /// The counterparts of tensors of A that are not kept.
    var skipped: Set<Int> = []
    for tensor in a {
      let name = names.name(of: tensor.name)
      let index = byName[UTF8Key(name)]
      guard selects(tensor.name) else {
        if let index { skipped.insert(index) }
        continue
      }
      if let index, let other = owners.updateValue(tensor.name, forKey: index) {
        throw UsageError(
          "the map gives \(other.printable) and \(tensor.name.printable) the same name \(name.printable)"
        )
      }
      pairs.append(Pair(a: tensor, b: index.map { b[$0] }))
    }
    pairs += b.indices.filter {
      owners[$0] == nil && !skipped.contains($0) && selects(b[$0].name)
    }.map { Pair(a: nil, b: b[$0]) }
  }

  private struct Form: Hashable {
    var dtype: DType
    var shape: Shape
  }

  /// Joins tensors that are alone in A and in B if their values have the same checksums, as after a rename.
  ///
  /// Only tensors whose dtype and shape occur on both sides are read. Of several tensors with the same values, those are
  /// joined first whose names have the longest common end.
  ///
  /// - Complexity: O(*n* log *n*) for *n* tensors, besides the reading.
  mutating func joinRenamed(engine: Engine) throws {
    var alone: [Form: (a: [Int], b: [Int])] = [:]
    for (index, pair) in pairs.enumerated() where pair.a == nil || pair.b == nil {
      guard let tensor = pair.a ?? pair.b, pair.faults.isEmpty, tensor.info.elementCount > 0
      else { continue }
      let form = Form(dtype: tensor.info.dtype, shape: tensor.info.shape)
      if pair.a != nil {
        alone[form, default: ([], [])].a.append(index)
      } else {
        alone[form, default: ([], [])].b.append(index)
      }
    }
    var joined: Set<Int> = []
    for candidates in alone.values where !candidates.a.isEmpty && !candidates.b.isEmpty {
      var byContent: [[UInt64]: (a: [Int], b: [Int])] = [:]
      for index in candidates.a {
        guard let sums = try checksums(ofPair: index, engine) else { continue }
        byContent[sums, default: ([], [])].a.append(index)
      }
      for index in candidates.b {
        guard let sums = try checksums(ofPair: index, engine) else { continue }
        byContent[sums, default: ([], [])].b.append(index)
      }
      for equal in byContent.values where !equal.a.isEmpty && !equal.b.isEmpty {
        try engine.cancellation.check()
        let matches = CommonEnds.matches(
          equal.a.map { pairs[$0].a?.name ?? "" }, equal.b.map { pairs[$0].b?.name ?? "" })
        for match in matches {
          pairs[equal.a[match.a]].b = pairs[equal.b[match.b]].b
          joined.insert(equal.b[match.b])
        }
      }
    }
    pairs = pairs.indices.filter { !joined.contains($0) }.map { pairs[$0] }
  }

  /// Returns the checksums of the values of a tensor that is alone; nil if they are damaged, which the pair keeps.
  private mutating func checksums(ofPair index: Int, _ engine: Engine) throws -> [UInt64]? {
    guard let tensor = pairs[index].a ?? pairs[index].b else { return nil }
    try engine.cancellation.check()
    do {
      return try Checkpoint.chunkChecksums(of: [tensor], engine: engine)
    } catch let fault as FormatError {
      pairs[index].damage = fault
      return nil
    }
  }
}
