import Base
import Checkpoints
import TensorCore

/// The tensors of two models, each with its counterpart.
struct TensorPairs {
  /// A tensor of A and its counterpart in B; one of them is nil if it is alone.
  struct Pair: Sendable {
    var a: LazyTensor?
    var b: LazyTensor?
  }

  /// The tensors of A in their order, then those of B that have no counterpart.
  private(set) var pairs: [Pair] = []

  /// Pairs tensors by their names.
  /// - Throws: ``UsageError`` if the map leads two tensors to one name.
  init(_ a: [LazyTensor], _ b: [LazyTensor], names: NameMap) throws {
    var byName: [UTF8Key: Int] = [:]
    for (index, tensor) in b.enumerated() { byName[UTF8Key(tensor.name)] = index }
    var owners: [Int: String] = [:]
    for tensor in a {
      let name = names.name(of: tensor.name)
      let index = byName[UTF8Key(name)]
      if let index, let other = owners.updateValue(tensor.name, forKey: index) {
        throw UsageError(
          "the map gives \(other.printable) and \(tensor.name.printable) the same name \(name.printable)"
        )
      }
      pairs.append(Pair(a: tensor, b: index.map { b[$0] }))
    }
    pairs += b.indices.filter { owners[$0] == nil }.map { Pair(a: nil, b: b[$0]) }
  }

  private struct Form: Hashable {
    var dtype: DType
    var shape: Shape
  }

  /// Joins tensors that are alone in A and in B if their values have the same checksums, as after a rename.
  ///
  /// Only tensors whose dtype and shape occur on both sides are read. Of several tensors with the same values, those are
  /// joined whose names have the longest common end.
  mutating func joinRenamed(engine: Engine) throws {
    var alone: [Form: (a: [Int], b: [Int])] = [:]
    for (index, pair) in pairs.enumerated() where pair.a == nil || pair.b == nil {
      guard let tensor = pair.a ?? pair.b, tensor.fault == nil, tensor.info.elementCount > 0
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
      var byContent: [[UInt64]: [Int]] = [:]
      for index in candidates.b {
        guard let sums = try Self.checksums(pairs[index].b, engine) else { continue }
        byContent[sums, default: []].append(index)
      }
      for index in candidates.a {
        guard let sums = try Self.checksums(pairs[index].a, engine), let found = byContent[sums],
          let best = Self.nearest(to: pairs[index].a?.name ?? "", found.map { ($0, pairs[$0].b) })
        else { continue }
        pairs[index].b = pairs[best].b
        joined.insert(best)
        byContent[sums]?.removeAll { $0 == best }
      }
    }
    pairs = pairs.indices.filter { !joined.contains($0) }.map { pairs[$0] }
  }

  /// Returns the checksums of the values; nil if they are damaged, which the comparison reports.
  private static func checksums(_ tensor: LazyTensor?, _ engine: Engine) throws -> [UInt64]? {
    guard let tensor else { return nil }
    do { return try Checkpoint.chunkChecksums(of: [tensor], engine: engine) } catch is FormatError {
      return nil
    }
  }

  private static func nearest(to name: String, _ others: [(Int, LazyTensor?)]) -> Int? {
    func commonEnd(_ other: String) -> Int {
      zip(name.utf8.reversed(), other.utf8.reversed()).prefix { $0 == $1 }.count
    }
    var best: (index: Int, length: Int)?
    for (index, tensor) in others {
      let length = commonEnd(tensor?.name ?? "")
      if best.map({ length > $0.length }) ?? true { best = (index, length) }
    }
    return best?.index
  }
}
