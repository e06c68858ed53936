package import Base
import Checkpoints
package import Reporting
import Surveys
import TensorCore

extension Inspection {
  package var members: JSONObject {
    var members: JSONObject = [
      "path": .string(checkpoint.path), "container": .string(checkpoint.container.rawValue),
      "file_bytes": JSONValue(fileByteCount), "value_bytes": JSONValue(valueByteCount),
      "tensor_count": JSONValue(tensorCount),
      "selected_count": JSONValue(checkpoint.tensors.count),
      "value_count": JSONValue(checkpoint.parameterCount),
      "metadata": .object(
        JSONObject(checkpoint.metadata.map { ($0.key, $0.value.json) })),
      "files": .array(
        checkpoint.companions.map {
          .object(["name": .string($0.name), "bytes": JSONValue($0.info.byteCount)])
        }),
      "skipped": .array(
        checkpoint.skipped.map {
          .object(["name": .string($0.path), "reason": .string($0.reason.rawValue)])
        }),
    ]
    let components = checkpoint.folder.components
    if !components.isEmpty {
      members["components"] = .array(
        components.map { component in
          .object([
            "path": .string(component.path), "weights": .string(component.layout.weightsName),
            "metadata": .object(JSONObject(component.metadata.map { ($0.key, $0.value.json) })),
          ])
        })
    }
    if let loss = checkpoint.lineage.steps.last?.loss { members["loss"] = .object(loss.json) }
    if let model { members["model"] = .object(model.json) }
    members[lineKey ?? ""] = .array([])
    return members
  }

  package var lineKey: String? { options.listsLayers ? "layers" : "tensors" }

  package var lines: [JSONValue] { Array(lazyLines) }

  package var lazyLines: LazyRows<JSONValue> {
    let objects = objects
    return LazyRows(count: objects.count) { .object(objects[$0]) }
  }

  private var objects: LazyRows<JSONObject> {
    let (rows, layers) = (rows, layers)
    return options.listsLayers
      ? LazyRows(count: layers.count) { layers[$0].json }
      : LazyRows(count: rows.count) { rows[$0].json }
  }

  package var records: Table {
    let objects = objects
    let keys =
      objects.first.map { $0.flattened.map(\.key) } ?? [options.listsLayers ? "layer" : "name"]
    return Table(
      keys.map { Table.Column($0) },
      rows: LazyRows(count: objects.count) { number in
        objects[number].flattened.map { _, value in
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
  /// The members of a tensor: the same keys in the same order for every tensor of a report.
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
      "relative_error": relativeError.map { JSONValue($0) } ?? .null,
      "file": .string(tensor.stored.file),
      "offset": JSONValue(tensor.stored.byteOffset),
      "chunks": JSONValue(tensor.stored.chunkCount),
    ]
    if let statistics { for (key, value) in statistics.json { object[key] = value } }
    if let neurons { object["neurons"] = .object(neurons.json) }
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

extension TensorStatistics {
  /// The members of the statistics: the same keys for every tensor; missing values are null.
  fileprivate var json: JSONObject {
    func number(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    var object = moments.json
    let matrix = distribution?.matrix
    var quantiles: JSONObject = [:]
    for (index, level) in Distribution.levels.enumerated() {
      let values = distribution?.quantiles ?? []
      quantiles["\(level)"] = number(values.isEmpty ? nil : values[index])
    }
    let more: JSONObject = [
      "pqi": number(distribution?.pqIndex), "pqi_p": number(distribution?.exponents.p),
      "pqi_q": number(distribution?.exponents.q),
      "gini": number(distribution?.gini),
      "abs_quantiles": .object(quantiles),
      "octave_lowest": distribution?.octaves.map { JSONValue($0.lowest) } ?? .null,
      "octave_counts": distribution?.octaves.map { octaves in
        .array(octaves.counts.map { JSONValue($0) })
      } ?? .null,
      "top_1_percent_energy": number(distribution?.topEnergyShare),
      "outlier_channels": matrix?.outlierChannelCount.map { JSONValue($0) } ?? .null,
      "channels": matrix.map { JSONValue($0.channelCount) } ?? .null,
      "pattern": matrix.map { .string($0.pattern.description) } ?? .null,
      "pattern_fitting_share": number(matrix?.fittingShare),
      "pattern_kept_energy": number(matrix?.keptEnergyShare),
      "zero_blocks_16x16": number(matrix?.zeroBlockShare),
      "sumac_bytes": distribution?.packedByteCount.map { JSONValue($0) } ?? .null,
    ]
    for (key, value) in more { object[key] = value }
    return object
  }
}

extension [NeuronSurvey.Neuron] {
  fileprivate var json: JSONObject {
    func list(_ value: (Element) -> Double) -> JSONValue { .array(map { JSONValue(value($0)) }) }
    return [
      "zeros": .array(map { JSONValue($0.zeros) }), "l1": list(\.magnitudeSum),
      "l2": list(\.euclideanNorm), "max_abs": list(\.largestMagnitude), "pqi": list(\.pqIndex),
      "gini": list(\.gini),
    ]
  }
}

extension JSONObject {
  /// The object with nested members under names with a dot, for the columns of a table.
  fileprivate var flattened: JSONObject {
    var flat: JSONObject = [:]
    // Lists of neurons and kinds do not fit in a row.
    for (key, value) in self where key != "neurons" && key != "kinds" {
      guard case .object(let inner) = value else {
        flat[key] = value
        continue
      }
      for (innerKey, innerValue) in inner { flat["\(key).\(innerKey)"] = innerValue }
    }
    return flat
  }
}
