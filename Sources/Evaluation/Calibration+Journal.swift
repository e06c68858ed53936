import Base
import Networks

/// The sums of the blocks that are done, which are final, and zeros for the others.
extension Calibration: BlockFigures {
  var record: CBORValue {
    .array(
      layers.map { layer in
        let sums = sums[layer.weight] ?? ChannelSums(channelCount: 0)
        return .array([
          .text(layer.weight), CBORValue(sums.rowCount), .bytes(sums.squares.bytesOfNumbers),
          .bytes(sums.sums.bytesOfNumbers), .bytes(sums.largest.bytesOfNumbers),
        ])
      })
  }

  mutating func restore(_ record: CBORValue) -> Bool {
    guard let items = record.asArray, items.count == layers.count else { return false }
    var found: [String: ChannelSums] = [:]
    for (layer, item) in zip(layers, items) {
      guard let parts = item.asArray, parts.count == 5, parts[0].asText == layer.weight,
        let rowCount = parts[1].asInt, let squares = parts[2].asBytes, let sums = parts[3].asBytes,
        let largest = parts[4].asBytes,
        squares.count == 8 * layer.channelCount, sums.count == squares.count,
        largest.count == 4 * layer.channelCount
      else { return false }
      found[layer.weight] = ChannelSums(
        squares: squares.doubles, sums: sums.doubles, largest: largest.floats, rowCount: rowCount)
    }
    sums = found
    return true
  }
}

extension [UInt8] {
  /// The bytes as float64 numbers.
  fileprivate var doubles: [Double] {
    let bytes = rawSpan
    return stride(from: 0, to: count - count % 8, by: 8).map {
      Double(bitPattern: bytes.littleEndian(UInt64.self, at: $0) ?? 0)
    }
  }

  /// The bytes as float32 numbers.
  fileprivate var floats: [Float] {
    let bytes = rawSpan
    return stride(from: 0, to: count - count % 4, by: 4).map {
      Float(bitPattern: bytes.littleEndian(UInt32.self, at: $0) ?? 0)
    }
  }
}
