import Base
import Checkpoints
import Surveys
import TensorCore

/// Sums over tensors that are inspected together: those of a layer, or of one kind in a layer.
struct LayerSums: Sendable {
  private(set) var tensorCount = 0
  private(set) var valueCount = 0
  private(set) var byteCount = 0
  private(set) var storedByteCount = 0
  /// The number of zeros; nil without statistics.
  private(set) var zeroCount: Int?
  /// Σw² over all values; nil without statistics.
  private var squareSum: Double?
  /// The sum of PQ Indexes, each times the number of values, and that number.
  private var indexSum = 0.0
  private var indexedCount = 0
  /// The squares of the recorded errors and of the norms of the same tensors; nil if none is recorded.
  private var errors: (squares: Double, norms: Double)?
  private var hasInfiniteError = false

  /// Adds a tensor; the values of an alias are not counted again.
  mutating func add(_ row: Inspection.Row) {
    tensorCount += 1
    guard row.tensor.aliasOf == nil else { return }
    let count = row.tensor.info.elementCount
    valueCount += count
    byteCount += row.tensor.info.byteCount
    storedByteCount += row.tensor.stored.byteCount
    if let error = row.relativeError, !error.isFinite { hasInfiniteError = true }
    if let error = row.tensor.record.relativeError, let norm = row.tensor.record.norm {
      let old = errors ?? (squares: 0, norms: 0)
      errors = (old.squares + error * norm * error * norm, old.norms + norm * norm)
    }
    guard let statistics = row.statistics else { return }
    zeroCount = (zeroCount ?? 0) + statistics.moments.zeros
    let norm = statistics.moments.euclideanNorm
    squareSum = (squareSum ?? 0) + norm * norm
    if let index = statistics.distribution?.pqIndex {
      indexSum += index * Double(count)
      indexedCount += count
    }
  }

  /// The Euclidean norm of all values; nil without statistics.
  var norm: Double? { squareSum.map { $0.squareRoot() } }

  /// The share of zeros; nil without statistics or values.
  var zeroShare: Double? {
    zeroCount.flatMap { valueCount > 0 ? Double($0) / Double(valueCount) : nil }
  }

  /// The mean of the PQ Indexes of the tensors, weighted by their numbers of values; nil without statistics of floats.
  var pqIndex: Double? { indexedCount > 0 ? indexSum / Double(indexedCount) : nil }

  /// ‖x − x̂‖ / ‖x‖ over the tensors whose error is recorded; infinite if values became infinite, nil if none is.
  var relativeError: Double? {
    if hasInfiniteError { return .infinity }
    return errors.map { $0.norms > 0 ? ($0.squares / $0.norms).squareRoot() : 0 }
  }

  /// The stored bits for each value; nil without values.
  var bitsPerValue: Double? {
    valueCount > 0 ? 8 * Double(storedByteCount) / Double(valueCount) : nil
  }

  /// The members in JSON: the same keys for every layer and kind.
  var json: JSONObject {
    func number(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    return [
      "tensor_count": JSONValue(tensorCount), "value_count": JSONValue(valueCount),
      "bytes": JSONValue(byteCount), "stored_bytes": JSONValue(storedByteCount),
      "zeros": zeroCount.map { JSONValue($0) } ?? .null, "l2": number(norm),
      "pqi": number(pqIndex), "relative_error": number(relativeError),
    ]
  }
}
