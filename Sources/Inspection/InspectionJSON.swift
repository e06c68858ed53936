import Checkpoints
package import Reporting
import Statistics
package import TensorCore

extension Inspection {
  package var members: JSONObject {
    [
      "path": .string(checkpoint.path), "container": .string(checkpoint.container.rawValue),
      "file_bytes": JSONValue(fileByteCount), "value_bytes": JSONValue(valueByteCount),
      "tensor_count": JSONValue(checkpoint.tensors.count),
      "value_count": JSONValue(checkpoint.parameterCount),
      "metadata": .object(
        JSONObject(checkpoint.metadata.map { ($0.key, .string($0.value)) })),
      "files": .array(
        checkpoint.companions.map {
          .object(["name": .string($0.name), "bytes": JSONValue($0.info.byteCount)])
        }),
      "tensors": .array(lines),
    ]
  }

  package var lines: [JSONValue] { rows.map { .object($0.json) } }

  package var records: Table {
    let keys = rows.first.map { $0.json.map(\.key) } ?? ["name"]
    return Table(
      keys.map { Table.Column($0) },
      rows: rows.map { row in
        row.json.map { _, value in
          switch value {
          case .string(let text): text
          case .null: ""
          default: value.serialized()
          }
        }
      })
  }
}

extension Inspection.Row {
  /// The same keys in the same order for every tensor of a report.
  fileprivate var json: JSONObject {
    var object: JSONObject = [
      "name": .string(tensor.name),
      "dtype": .string(tensor.info.dtype.name),
      "shape": .array(tensor.info.shape.dimensions.map { JSONValue($0) }),
      "value_count": JSONValue(tensor.info.elementCount),
      "bytes": JSONValue(tensor.info.byteCount),
      "alias_of": tensor.aliasOf.map { .string($0) } ?? .null,
      "codec": .string(tensor.stored.codec),
      "stored_bytes": JSONValue(tensor.stored.byteCount),
      "relative_error": tensor.recordedError.map { JSONValue($0) } ?? .null,
      "file": .string(tensor.stored.file),
      "offset": JSONValue(tensor.stored.byteOffset),
      "chunks": JSONValue(tensor.stored.chunkCount),
    ]
    if let moments { for (key, value) in moments.json { object[key] = value } }
    return object
  }
}

extension Moments {
  fileprivate var json: JSONObject {
    func number(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    return [
      "zeros": JSONValue(zeros), "negative_zeros": JSONValue(negativeZeros),
      "zero_share": number(zeroShare), "nans": JSONValue(nans),
      "positive_infinities": JSONValue(positiveInfinities),
      "negative_infinities": JSONValue(negativeInfinities),
      "min": number(minimum), "max": number(maximum), "max_abs": number(largestMagnitude),
      "mean": number(mean), "standard_deviation": number(standardDeviation),
      "sum": number(sum), "l1": number(magnitudeSum), "l2": number(euclideanNorm),
    ]
  }
}
