package import Base
package import Checkpoints
package import Codecs
import Models
package import PackedFormat
import Packing
import TensorCore
import Zstd

/// Chooses a type for each weight so that all tensors together reach a size with the least error:
/// `--target-bpw` and `--target-size`.
///
/// Every candidate is tried on every weight, and its stored size and error are measured. The cost of a type
/// is the number of values times ‖x − x̂‖² / ‖x‖². This is the noise relative to the tensor's own size,
/// because the following layer of a network often cancels a scale that is common to a tensor. Upgrades are
/// applied where a byte lowers the cost most, until the budget is used.
///
/// With statistics of the inputs, the squares of weights and errors count by the mean square of the input that the
/// weight is multiplied with. The cost is then the relative error of the layer's outputs in place of that of its weights.
/// A tensor without statistics counts as if all of its inputs were equally large, so that the costs stay comparable.
package struct TypeChoice: Sendable {
  /// The size to reach.
  package enum Target: Sendable, Equatable {
    /// The stored bits of all tensors divided by the number of their values.
    case bitsPerWeight(Double)
    /// The size of the whole file in bytes.
    case fileByteCount(Int)
  }

  /// The default candidates, the smallest first.
  package static let standardCandidates = [
    "int2:g32:asym", "int2:g64:asym", "int3:g16", "int3:g32", "int3:g64", "int3", "int4:g16",
    "int4:g32", "int4:g64", "int4", "nf4:g64:f16", "int5:g32", "int5:g64", "int5", "int5:asym",
    "int6:g32", "int6:g64", "int6", "int6:asym", "int7:g64", "int7", "int8:g64", "int8",
    "lossless",
  ]

  package var target: Target
  package var candidates: [StorageType]
  /// The inputs of the weights; nil if all count alike.
  package var statistics: InputStatistics?

  package init(target: Target, candidates: [StorageType]) {
    self.target = target
    self.candidates = candidates
  }

  /// A weight with the measured result of each candidate.
  struct Weight: Sendable {
    var name: String
    var options: [Option]

    struct Option: Sendable, Equatable {
      var type: StorageType
      var byteCount: Int
      var cost: Double
    }
  }

  /// The chosen types and the resulting size.
  package struct Result: Sendable {
    /// The types of all weights by name.
    package var types: [UTF8Key: StorageType]
    /// The stored size of all tensors in bytes.
    package var byteCount: Int
    /// The size of the whole file, if the target is a size.
    package var fileByteCount: Int?
    package var note: Message?
  }

  // MARK: Memory

  /// Returns the number of bytes that each worker needs to try all candidates.
  package static func workerByteCount(
    _ checkpoint: Checkpoint, storage: StorageChoice, candidates: [StorageType],
    encoder: ChunkEncoder
  ) -> Int {
    let roles = TensorRoles(checkpoint)
    return checkpoint.tensors.filter { $0.aliasOf == nil }.flatMap { tensor in
      let types = isChosen(tensor, storage, roles) ? candidates : [.lossless]
      return encodings(types, rows: roles.rows(of: tensor.info), for: tensor, encoder).map {
        $0.plan(for: tensor, encoder: encoder).workerByteCount
      }
    }.max() ?? 0
  }

  /// Returns the number of bytes of values that are tried: those of a tensor once for each of its candidates.
  package static func triedByteCount(
    _ checkpoint: Checkpoint, storage: StorageChoice, candidates: [StorageType],
    encoder: ChunkEncoder
  ) -> Int {
    let roles = TensorRoles(checkpoint)
    return checkpoint.tensors.filter { $0.aliasOf == nil }.reduce(0) { sum, tensor in
      let rows = roles.rows(of: tensor.info)
      let count =
        isChosen(tensor, storage, roles)
        ? encodings(candidates, rows: rows, for: tensor, encoder).count : 1
      return sum + count * tensor.info.byteCount
    }
  }

  /// Returns the types that fit a tensor; if there are none, it is stored without loss.
  private static func fitting(
    _ types: [StorageType], rows: RowGeometry, for tensor: LazyTensor
  ) -> [StorageType] {
    let fitting = types.filter {
      SumEncoding.fault(TermRecipe(dense: $0), tensor.info, rows: rows) == nil
    }
    return fitting.isEmpty ? [.lossless] : fitting
  }

  private static func encodings(
    _ types: [StorageType], rows: RowGeometry, for tensor: LazyTensor, _ encoder: ChunkEncoder
  ) -> [any TensorEncoding] {
    fitting(types, rows: rows, for: tensor).map {
      encoding(TermRecipe(dense: $0), rows, encoder.compression)
    }
  }

  private static func encoding(
    _ recipe: TermRecipe, _ rows: RowGeometry, _ compression: Compression,
    comparing: SumEncoding.Comparing? = nil
  ) -> any TensorEncoding {
    guard !recipe.isLossless else { return LosslessEncoding(compression: compression) }
    var encoding = SumEncoding(recipe, rows: rows, compression: compression)
    encoding.comparing = comparing
    return encoding
  }

  /// True if the tensor is a weight whose type is to be chosen: no rule applies to it.
  private static func isChosen(
    _ tensor: LazyTensor, _ storage: StorageChoice, _ roles: TensorRoles
  ) -> Bool {
    storage.reason(tensor, roles) == nil
      && !storage.rules.contains { $0.glob.matches(tensor.name) }
  }

  // MARK: Choice

  /// The measured results of every candidate for every weight.
  package struct Measured: Sendable {
    let weights: [Weight]
    /// The stored size of all other tensors in bytes.
    let fixedByteCount: Int
    let parameterCount: Int
  }

  /// Reads tensors once for each candidate, and once more for candidates that need a survey.
  /// - Parameter names: The tensors to measure; nil for all.
  package func measured(
    _ checkpoint: Checkpoint, storage: StorageChoice, compression: Compression,
    only names: Set<UTF8Key>? = nil, engine: Engine
  ) throws -> Measured {
    let encoder = ChunkEncoder(zstd: Zstd(), compression: compression)
    // Candidates differ in their passes, so a trial counts as one pass when it is done.
    let progress = engine.progress
    let engine = Engine(
      workers: engine.workers, cancellation: engine.cancellation, progress: NoProgress())
    var weights: [Weight] = []
    var fixed = 0
    let roles = TensorRoles(checkpoint)
    let inputs = statistics?.meanSquares(for: checkpoint) ?? [:]
    for tensor in checkpoint.tensors where tensor.aliasOf == nil {
      guard names?.contains(UTF8Key(tensor.name)) ?? true else { continue }
      let rows = roles.rows(of: tensor.info)
      if !Self.isChosen(tensor, storage, roles) {
        let lossless = TermRecipe(dense: .lossless)
        let recipe = storage.recipe(for: tensor, roles) ?? lossless
        let size = try StoredSize(
          tensor, Self.encoding(recipe, rows, compression), encoder: encoder, engine: engine)
        fixed += size.byteCount
        progress.advance(byteCount: tensor.info.byteCount)
        continue
      }
      var options: [Weight.Option] = []
      for type in Self.fitting(candidates, rows: rows, for: tensor) {
        let error = inputs[UTF8Key(tensor.name)].flatMap {
          OutputError(tensor.info, rows, meanSquares: $0)
        }
        let encoding = Self.encoding(
          TermRecipe(dense: type), rows, compression,
          comparing: error?.comparing)
        let size = try StoredSize(tensor, encoding, encoder: encoder, engine: engine)
        progress.advance(byteCount: tensor.info.byteCount)
        options.append(
          Weight.Option(
            type: type, byteCount: size.byteCount, cost: Self.cost(tensor, size.quality, error)))
      }
      weights.append(Weight(name: tensor.name, options: options))
    }
    return Measured(
      weights: weights, fixedByteCount: fixed, parameterCount: checkpoint.parameterCount)
  }

  /// Returns the cost of a type.
  /// - Parameter error: The error of the outputs, if it was measured.
  private static func cost(
    _ tensor: LazyTensor, _ quality: PackedTensor.Quality?, _ error: OutputError?
  ) -> Double {
    let count = Double(tensor.info.elementCount)
    if let relative = error?.relativeSquare { return count * relative }
    let norm = (quality?.norm ?? 1) * (quality?.norm ?? 1)
    let squares = (quality?.error ?? 0) * (quality?.error ?? 0)
    return norm > 0 ? count * squares / norm : 0
  }

  /// The maximum number of rounds that bring a file below its target size. The size of the data beside the
  /// tensors may change by some bytes with other types.
  private static let fittingRoundCount = 32

  /// Returns the types with the least cost for the target, such that the file does not exceed the target.
  /// - Parameter fileByteCount: Returns the size of the whole file with the given types.
  /// - Throws: ``UsageError`` if even the smallest types exceed the target.
  package func fitted(
    _ checkpoint: Checkpoint, storage: StorageChoice, compression: Compression, engine: Engine,
    fileByteCount: ([UTF8Key: StorageType]) throws -> Int
  ) throws -> Result {
    let measured = try measured(
      checkpoint, storage: storage, compression: compression, engine: engine)
    var result = try result(of: measured, overhead: 0)
    guard case .fileByteCount(let target) = target else { return result }
    var (overhead, nearest) = (0, Int.max)
    for _ in 0..<Self.fittingRoundCount {
      let byteCount = try fileByteCount(result.types)
      result.fileByteCount = byteCount
      if byteCount <= target { return result }
      nearest = min(nearest, byteCount)
      overhead = overhead == 0 ? byteCount - result.byteCount : overhead + byteCount - target
      result = try self.result(of: measured, overhead: overhead)
    }
    throw UsageError(
      "\(setting: "target-size") was not reached: the nearest choice of types needs "
        + "\(nearest.counted("byte"))",
      hint: "raise the target by some bytes")
  }

  /// Returns a number of bits in whole bytes; a number that no file can have as the nearest possible one.
  private static func byteCount(bits: Double) -> Int {
    Int(exactly: (bits / 8).rounded(.down)) ?? (bits > 0 ? Int.max : 0)
  }

  /// Returns the types with the least cost for a file with the given overhead.
  /// - Parameter overhead: The number of bytes of the file that do not belong to tensors.
  /// - Throws: ``UsageError`` if even the smallest types exceed the target.
  package func result(of measured: Measured, overhead: Int) throws -> Result {
    let (weights, fixed) = (measured.weights, measured.fixedByteCount)
    let budget: Int =
      switch target {
      case .bitsPerWeight(let bits):
        Self.byteCount(bits: bits * Double(measured.parameterCount)) - fixed
      case .fileByteCount(let count): count - fixed - overhead
      }
    let minimum = weights.reduce(0) { $0 + ($1.options.map(\.byteCount).min() ?? 0) }
    guard minimum <= budget else {
      let counted = fixed + minimum
      let text: Message =
        switch target {
        case .bitsPerWeight:
          "\(setting: "target-bpw") is too small: the smallest types need "
            + (Double(8 * counted) / Double(max(1, measured.parameterCount))).roundedUp
        case .fileByteCount:
          "\(setting: "target-size") is too small: the smallest types need about "
            + "\(ByteSize(counted + overhead))"
        }
      let cause =
        2 * fixed > counted
        ? ", of which \(ByteSize(fixed)) are tensors whose types are not chosen" : ""
      throw UsageError(
        "\(text)\(cause)",
        hint: "name smaller types with \(setting: "candidates"), or raise the target")
    }
    let chosen = Budget(weights: weights, byteCount: budget).chosen()
    var types: [UTF8Key: StorageType] = [:]
    var used = fixed
    for (weight, option) in zip(weights, chosen) {
      types[UTF8Key(weight.name)] = option.type
      used += option.byteCount
    }
    let maximum = weights.reduce(0) { $0 + ($1.options.map(\.byteCount).max() ?? 0) }
    let note: Message? = maximum < budget ? "the target is larger than the largest types need" : nil
    return Result(types: types, byteCount: used, note: note)
  }
}

extension Double {
  /// The number with three decimals, rounded up.
  fileprivate var roundedUp: String { "\((self * 1000).rounded(.up) / 1000) bits" }
}
