package import Base
package import Networks

/// The sums over the inputs of linear layers on some of the windows. The sums over all windows are the same however the
/// windows were divided.
package struct CalibrationPart: Sendable, Equatable {
  /// An input that one or more linear layers read.
  package struct Input: Sendable, Equatable {
    /// The weights of the layers, the first one first.
    package var weights: [String]
    package var channelCount: Int
    package var sums: ExactChannelSums
  }

  package private(set) var inputs: [Input] = []

  package init() {}

  /// Adds the sums over other windows.
  package mutating func add(_ other: CalibrationPart) {
    var places: [String: Int] = [:]
    for (place, input) in inputs.enumerated() { places[input.weights[0]] = place }
    for input in other.inputs {
      if let place = places[input.weights[0]] {
        inputs[place].sums.add(input.sums)
      } else {
        inputs.append(input)
      }
    }
  }

  mutating func append(_ input: Input) { inputs.append(input) }

  /// The number of bytes of a channel in ``json``, about.
  package static let channelByteCount = 60
  /// The memory of a channel while parts are added: two parts, and the text of one with its values, in bytes.
  package static let combinedChannelByteCount =
    2 * ExactChannelSums.channelByteCount + 6 * channelByteCount

  // MARK: JSON

  package var json: JSONValue {
    .object([
      "inputs": .array(
        inputs.map { input in
          .object([
            "weights": .array(input.weights.map { .string($0) }),
            "channels": JSONValue(input.channelCount),
            "sums": .string(input.sums.bytes.hexadecimal),
          ])
        })
    ])
  }

  /// Reads a part; nil if `json` is not one of the layers of a model.
  package init?(_ json: JSONValue, layers: [LinearLayer]) {
    guard let list = json["inputs"]?.asArray else { return nil }
    let widths = Dictionary(
      layers.map { ($0.weight, $0.channelCount) }, uniquingKeysWith: { first, _ in first })
    for value in list {
      let weights = value["weights"]?.asArray?.compactMap(\.asString) ?? []
      guard let channels = value["channels"]?.asInt, !weights.isEmpty,
        weights.allSatisfy({ widths[$0] == channels }),
        let bytes = value["sums"]?.asString.flatMap([UInt8].init(hexadecimal:))
      else { return nil }
      var rest = bytes[...]
      guard let sums = ExactChannelSums(channelCount: channels, bytes: &rest), rest.isEmpty else {
        return nil
      }
      inputs.append(Input(weights: weights, channelCount: channels, sums: sums))
    }
  }
}
