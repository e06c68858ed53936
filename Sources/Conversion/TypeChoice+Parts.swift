package import Base
package import Checkpoints
import TensorCore

/// Measurements of parts of a model, which separate processes make and one combines.
extension TypeChoice {
  /// The tensors that are measured, in the order of the catalog, with the length of the values of each.
  package static func measuredTensors(_ checkpoint: Checkpoint) -> [(name: String, byteCount: Int)]
  {
    checkpoint.tensors.filter { $0.aliasOf == nil }.map { ($0.name, $0.info.byteCount) }
  }

  /// Returns the results as JSON, with the bits of costs, so that they are restored exactly.
  package func json(_ measured: Measured) -> JSONValue {
    .object([
      "fixed_bytes": JSONValue(measured.fixedByteCount),
      "weights": .array(
        measured.weights.map { weight in
          .array([
            .string(weight.name),
            .array(
              weight.options.map { option in
                .array([
                  number(of: option.type), JSONValue(option.byteCount),
                  .string(String(option.cost.bitPattern, radix: 16)),
                ])
              }),
          ])
        }),
    ])
  }

  /// Returns the results of all parts together; nil if one of them is malformed.
  /// - Parameter parts: The results in the order of the catalog.
  package func combined(_ parts: [JSONValue], parameterCount: Int) -> Measured? {
    var weights: [Weight] = []
    var fixed = 0
    for part in parts {
      guard let count = part["fixed_bytes"]?.asInt, count >= 0,
        let list = part["weights"]?.asArray
      else { return nil }
      fixed += count
      for item in list {
        guard let weight = weight(item) else { return nil }
        weights.append(weight)
      }
    }
    return Measured(weights: weights, fixedByteCount: fixed, parameterCount: parameterCount)
  }

  private func weight(_ json: JSONValue) -> Weight? {
    guard let pair = json.asArray, pair.count == 2, let name = pair[0].asString,
      let list = pair[1].asArray, !list.isEmpty
    else { return nil }
    var options: [Weight.Option] = []
    for item in list {
      guard let values = item.asArray, values.count == 3, let type = type(values[0]),
        let byteCount = values[1].asInt, byteCount >= 0,
        let bits = values[2].asString.flatMap({ UInt64($0, radix: 16) })
      else { return nil }
      options.append(
        Weight.Option(type: type, byteCount: byteCount, cost: Double(bitPattern: bits)))
    }
    return Weight(name: name, options: options)
  }

  /// Returns chosen types as JSON.
  package func json(types: [UTF8Key: StorageType]) -> JSONValue {
    .object(
      JSONObject(
        types.sorted { $0.key.text.precedesAsBytes($1.key.text) }.map {
          ($0.key.text, number(of: $0.value))
        }))
  }

  /// Returns the types that `json(types:)` describes; nil if it is malformed.
  package func types(_ json: JSONValue) -> [UTF8Key: StorageType]? {
    guard let object = json.asObject else { return nil }
    var types: [UTF8Key: StorageType] = [:]
    for (name, value) in object {
      guard let type = type(value) else { return nil }
      types[UTF8Key(name)] = type
    }
    return types
  }

  /// The position of a type among the candidates; −1 for lossless storage of a tensor that no candidate fits.
  private func number(of type: StorageType) -> JSONValue {
    JSONValue(candidates.firstIndex(of: type) ?? -1)
  }

  private func type(_ json: JSONValue) -> StorageType? {
    guard let number = json.asInt else { return nil }
    if number == -1 { return .lossless }
    return candidates.indices.contains(number) ? candidates[number] : nil
  }
}
