package import Base
package import Reporting
import TensorCore

extension DifferenceReport {
  package var lineKey: String? { options.listsLayers ? "layers" : "tensors" }

  package var members: JSONObject {
    var counts = JSONObject()
    for status in TensorDifference.Status.allCases {
      counts[status.rawValue] = JSONValue(difference.count(status))
    }
    counts["renamed"] = JSONValue(difference.renamedCount)
    counts["different"] = JSONValue(difference.tensors.count(where: \.differs))
    var members: JSONObject = [
      "a": .object(difference.a.json), "b": .object(difference.b.json),
      "metric": .string(difference.metric.rawValue),
      "tolerance": difference.tolerance.map { JSONValue($0) } ?? .null,
      "differs": .bool(difference.differs), "damaged": .bool(difference.isDamaged),
      "counts": .object(counts),
      "total": difference.total.map { .object($0.json) } ?? .null,
      "metadata": .array(difference.metadata.map(\.json)),
      "configuration": .array(difference.configuration.map(\.json)),
      "files": .array(difference.files.map(\.json)),
    ]
    members[lineKey ?? ""] = .array([])
    return members
  }

  package var lines: [JSONValue] { Array(lazyLines) }

  package var lazyLines: LazyRows<JSONValue> {
    let (tensors, layers) = (tensors, layers)
    return options.listsLayers
      ? LazyRows(count: layers.count) { .object(layers[$0].json) }
      : LazyRows(count: tensors.count) { .object(tensors[$0].json) }
  }

  package var records: Table {
    let lines = lazyLines
    let keys =
      options.listsLayers
      ? ["layer", "tensors", "different"]
      : ["name", "name_b", "status", "differs", "dtype_a", "dtype_b", "shape_a", "shape_b"]
    let (tensors, layers) = (tensors, layers)
    let listsLayers = options.listsLayers
    return Table(
      (keys + Measures.keys).map { Table.Column($0) },
      rows: LazyRows(count: lines.count) { number in
        let measures = listsLayers ? layers[number].measures : tensors[number].measures
        let cells = measures?.json.map { Self.cell($0.value) } ?? Measures.keys.map { _ in "" }
        guard !listsLayers else {
          let layer = layers[number]
          return [layer.name, String(layer.tensorCount), String(layer.differentCount)] + cells
        }
        let tensor = tensors[number]
        func shape(_ side: TensorDifference.Side?) -> String {
          side?.shape.map(String.init).joined(separator: "x") ?? ""
        }
        return [
          tensor.a?.name ?? "", tensor.b?.name ?? "", tensor.status.rawValue,
          String(tensor.differs), tensor.a?.dtype ?? "", tensor.b?.dtype ?? "", shape(tensor.a),
          shape(tensor.b),
        ] + cells
      })
  }

  private static func cell(_ value: JSONValue) -> String {
    switch value {
    case .null: ""
    case .string(let text): text
    case .bool, .number, .array, .object: value.serialized()
    }
  }
}

extension ModelDifference.Model {
  fileprivate var json: JSONObject {
    [
      "path": .string(path), "container": .string(container), "bytes": JSONValue(byteCount),
      "tensor_count": JSONValue(tensorCount), "parameter_count": JSONValue(parameterCount),
      "architecture": architecture.map { .string($0) } ?? .null,
    ]
  }
}

extension ModelDifference.Entry {
  fileprivate var json: JSONValue {
    var json: JSONObject = [
      "name": .string(name), "a": a.map { .string($0) } ?? .null,
      "b": b.map { .string($0) } ?? .null,
    ]
    json["fault"] = fault.map(JSONValue.string)
    return .object(json)
  }
}

extension LayerDifference {
  fileprivate var json: JSONObject {
    [
      "name": .string(name), "tensor_count": JSONValue(tensorCount),
      "different_count": JSONValue(differentCount),
      "measures": measures.map { .object($0.json) } ?? .null,
    ]
  }
}

extension TensorDifference {
  fileprivate var json: JSONObject {
    func side(_ side: Side?) -> JSONValue {
      side.map {
        .object([
          "name": .string($0.name), "dtype": .string($0.dtype),
          "shape": .array($0.shape.map { JSONValue($0) }),
          "stored_bytes": JSONValue($0.storedByteCount),
        ])
      } ?? .null
    }
    return [
      "status": .string(status.rawValue), "differs": .bool(differs), "a": side(a), "b": side(b),
      "equal_by_checksum": .bool(isEqualByChecksum),
      "faults": .array(faults.map { .string($0) }),
      "measures": measures.map { .object($0.json) } ?? .null,
    ]
  }
}

extension Measures {
  /// The keys of `json`, in order.
  fileprivate static let keys = Measures(ValueDifference(), valueCount: 0).json.map(\.key)

  /// The stored members and the measures that follow from them.
  package var json: JSONObject {
    func optional(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    return [
      "values": JSONValue(valueCount), "finite": JSONValue(finiteCount),
      "changed": JSONValue(changedCount), "nonfinite_changed": JSONValue(nonfiniteChangedCount),
      "max_error": JSONValue(largestError), "error_norm": JSONValue(errorNorm),
      "rmse": JSONValue(rootMeanSquare), "relative_error": optional(relativeError),
      "cosine": optional(cosine), "cosine_distance": optional(cosineDistance),
      "product": JSONValue(product), "norm_a": JSONValue(normA), "norm_b": JSONValue(normB),
      "zeros_a": JSONValue(zerosA), "zeros_b": JSONValue(zerosB), "nans_a": JSONValue(nansA),
      "nans_b": JSONValue(nansB), "infinities_a": JSONValue(infinitiesA),
      "infinities_b": JSONValue(infinitiesB),
    ]
  }
}
