import Base
import Codecs
import TensorCore

/// A fault of a term in the index.
struct TermProblem: Error {
  var fault: PackedFault
  var reason: String

  init(_ fault: PackedFault, _ reason: String) {
    self.fault = fault
    self.reason = reason
  }
}

/// Conversion between terms and their maps in the index.
extension PackedTerm {
  /// The map of the term in the index.
  var map: CBORMap {
    var map: CBORMap
    switch content {
    case .dense(let codec):
      map = Self.map(of: codec)
      map["kind"] = .text(Self.denseKind)
    case .sparse(let mode, let index, let values):
      map = Self.map(of: values)
      map["kind"] = .text(Self.sparseKind)
      map["mode"] = .text(mode.rawValue)
      var indexMap = index.parameters
      indexMap["codec"] = .text(index.name)
      map["index"] = .map(indexMap)
    case .lowRank(let term):
      map = [
        "kind": .text(Self.lowRankKind), "batch": CBORValue(term.batch),
        "rank": CBORValue(term.rank), "scale": .float(Double(term.scale)),
        "u": .map(Self.map(of: term.u)), "v": .map(Self.map(of: term.v)),
      ]
    case .unknown(_, _, let entry): return entry
    }
    map["chunks"] = CBORValue(chunkCount)
    if factor != 1 { map["factor"] = .float(Double(factor)) }
    if let error { map["error"] = .float(error) }
    return map
  }

  private static func map(of codec: any ValueCodec) -> CBORMap {
    var map = codec.parameters
    map["codec"] = .text(codec.name)
    return map
  }

  private static func map(of factor: LowRankTerm.Factor) -> CBORMap {
    var map = map(of: factor.codec)
    map["dtype"] = .text(factor.dtype.name)
    return map
  }

  /// Creates a term from its map in the index. Specification, section 5.4.
  init(_ map: CBORMap, of info: TensorInfo) throws(TermProblem) {
    var rest = map
    guard let kind = rest["kind"], let chunks = rest["chunks"] else {
      throw TermProblem(.indexKey, "a term needs kind and chunks")
    }
    guard let kind = kind.asText, let chunks = chunks.asUInt64 else {
      throw TermProblem(.indexValue, "the kind of a term must be text, and its chunks a number")
    }
    chunkCount = Int(clamping: chunks)
    rest["kind"] = nil
    rest["chunks"] = nil
    if let value = rest["error"] {
      guard let number = value.asFloat, number.isFinite, number >= 0 else {
        throw TermProblem(.indexValue, "the error of a term is not a finite number of at least 0")
      }
      error = number
      rest["error"] = nil
    }
    factor = try Self.factor(&rest, kind: kind)
    switch kind {
    case Self.denseKind:
      guard let name = rest["codec"]?.asText else {
        throw TermProblem(.indexKey, "a dense term needs the name of a codec")
      }
      guard CodecRegistry.valueCodec(named: name) != nil else {
        content = .unknown(.unknownCodec, name, map)
        try checkCount(info.grid.count)
        return
      }
      content = .dense(
        try Self.codec(&rest, dtype: info.dtype, dimensions: info.shape.dimensions))
      try checkCount(info.grid.count)
    case Self.sparseKind: content = try Self.sparse(&rest, map, of: info)
    case Self.lowRankKind: content = try Self.lowRank(&rest, map, of: info)
    default:
      content = .unknown(.unknownTerm, kind, map)
      return
    }
    switch content {
    case .dense, .unknown: break
    case .sparse: try checkCount(info.grid.count)
    case .lowRank(let term):
      try checkCount(
        ChunkGrid(dtype: term.u.dtype, shape: term.u.shape).count
          + ChunkGrid(dtype: term.v.dtype, shape: term.v.shape).count)
    }
    if case .unknown = content { return }
    if let key = rest.first?.key {
      throw TermProblem(.indexKey, "a term has the unknown key '\(key.printable)'")
    }
  }

  /// Removes and returns the factor of a dense term or of a sparse term of mode `add`; 1 if it has none.
  private static func factor(_ rest: inout CBORMap, kind: String) throws(TermProblem) -> Float {
    guard [denseKind, sparseKind].contains(kind), let value = rest["factor"] else { return 1 }
    guard rest["mode"]?.asText != SparseMode.replace.rawValue else {
      throw TermProblem(.indexKey, "a sparse term of mode 'replace' must not have a factor")
    }
    guard let number = value.asFloat, number.isFinite, Double(Float(number)) == number else {
      throw TermProblem(.indexValue, "a factor is not a finite float32")
    }
    rest["factor"] = nil
    return Float(number)
  }

  private func checkCount(_ expected: Int) throws(TermProblem) {
    guard chunkCount == expected else {
      throw TermProblem(
        .chunkCount,
        "a term declares \(chunkCount) chunks, but dtype and shape require \(expected)")
    }
  }

  /// Creates the codec from `codec` and all remaining keys, which it removes.
  private static func codec(
    _ rest: inout CBORMap, dtype: DType, dimensions: [Int]
  ) throws(TermProblem) -> any ValueCodec {
    guard let name = rest["codec"]?.asText, let type = CodecRegistry.valueCodec(named: name) else {
      throw TermProblem(.indexKey, "a term needs the name of a codec")
    }
    rest["codec"] = nil
    let parameters = rest
    rest = [:]
    guard type.isLossless || dtype.isPlainFloat else {
      throw TermProblem(.termDType, "the codec '\(name)' cannot hold \(dtype.name)")
    }
    do { return try type.init(parameters, dtype: dtype, dimensions: dimensions) } catch {
      throw TermProblem(.codecParameters, error.description)
    }
  }

  private static func sparse(
    _ rest: inout CBORMap, _ map: CBORMap, of info: TensorInfo
  ) throws(TermProblem) -> Content {
    guard let mode = rest["mode"], let index = rest["index"] else {
      throw TermProblem(.indexKey, "a sparse term needs mode and index")
    }
    guard let modeName = mode.asText, var indexMap = index.asMap else {
      throw TermProblem(.indexValue, "a sparse term needs a mode that is text and an index map")
    }
    guard let mode = SparseMode(rawValue: modeName) else {
      throw TermProblem(.indexValue, "a sparse term has the unknown mode '\(modeName.printable)'")
    }
    guard let indexName = indexMap["codec"]?.asText, let name = rest["codec"]?.asText else {
      throw TermProblem(.indexKey, "a sparse term needs the names of its codecs")
    }
    guard let indexType = CodecRegistry.indexCodec(named: indexName) else {
      return .unknown(.unknownCodec, indexName, map)
    }
    guard CodecRegistry.valueCodec(named: name) != nil else {
      return .unknown(.unknownCodec, name, map)
    }
    guard info.dtype.bitsPerElement % 8 == 0 else {
      throw TermProblem(.termDType, "a sparse term cannot hold \(info.dtype.name)")
    }
    rest["mode"] = nil
    rest["index"] = nil
    indexMap["codec"] = nil
    do {
      let index = try indexType.init(indexMap, dimensions: info.shape.dimensions)
      // Kept values form a list, whatever the shape of the tensor.
      return .sparse(mode, index, try codec(&rest, dtype: info.dtype, dimensions: [1]))
    } catch let problem as CodecProblem {
      throw TermProblem(.codecParameters, problem.description)
    } catch let problem as TermProblem {
      throw problem
    } catch {
      throw TermProblem(.codecParameters, "\(error)")
    }
  }

  private static func lowRank(
    _ rest: inout CBORMap, _ map: CBORMap, of info: TensorInfo
  ) throws(TermProblem) -> Content {
    for key in ["batch", "rank", "scale", "u", "v"] where rest[key] == nil {
      throw TermProblem(.indexKey, "a low-rank term needs '\(key)'")
    }
    guard let batch = rest["batch"]?.asUInt64, let rank = rest["rank"]?.asUInt64,
      let scale = rest["scale"]?.asFloat, let u = rest["u"]?.asMap, let v = rest["v"]?.asMap
    else {
      throw TermProblem(
        .indexValue, "a low-rank term needs numbers batch, rank and scale and maps u and v")
    }
    rest = rest.filtered { !["batch", "rank", "scale", "u", "v"].contains($0) }
    guard let matrices = LowRankTerm.Matrices(info.shape, batch: Int(clamping: batch)),
      (1...UInt64(LowRankTerm.rankLimit)).contains(rank),
      matrices.columns.multipliedReportingOverflow(by: Int(rank)).overflow == false,
      matrices.columns * Int(rank) <= LowRankTerm.factorLimit,
      let shapeOfU = matrices.shapeOfU(rank: Int(rank)),
      let shapeOfV = matrices.shapeOfV(rank: Int(rank)), info.dtype.isPlainFloat,
      scale.isFinite, Double(Float(scale)) == scale
    else {
      throw TermProblem(
        .lowRank, "a low-rank term of rank \(rank) does not fit \(info.dtype.name) \(info.shape)")
    }
    for factor in [u, v] {
      guard let name = factor["codec"]?.asText else {
        throw TermProblem(.indexKey, "a factor needs the name of a codec")
      }
      guard CodecRegistry.valueCodec(named: name) != nil else {
        return .unknown(.unknownCodec, name, map)
      }
    }
    return .lowRank(
      LowRankTerm(
        batch: Int(batch), rank: Int(rank), scale: Float(scale), u: try factor(u, shapeOfU),
        v: try factor(v, shapeOfV)))
  }

  private static func factor(
    _ map: CBORMap, _ shape: Shape
  ) throws(TermProblem) -> LowRankTerm.Factor {
    var rest = map
    guard let name = rest["dtype"] else { throw TermProblem(.indexKey, "a factor has no dtype") }
    guard let dtype = name.asText.flatMap(DType.init(name:)),
      LowRankTerm.factorDTypes.contains(dtype)
    else {
      throw TermProblem(
        .lowRank, "the dtype of a factor is not supported; expected F32, F16 or BF16")
    }
    rest["dtype"] = nil
    let codec = try codec(&rest, dtype: dtype, dimensions: shape.dimensions)
    return LowRankTerm.Factor(dtype: dtype, codec: codec, shape: shape)
  }
}

extension CBORMap {
  func filtered(_ isKept: (String) -> Bool) -> CBORMap {
    var map = CBORMap()
    for (key, value) in self where isKept(key) { map[key] = value }
    return map
  }
}
