import Base
import Checkpoints

extension WeightsFormats {
  /// The number of bytes in which an index has its key `weight_map`.
  private static let examinedByteCount = 1 << 18

  /// Returns the format of the shards in an index: from its name, or from a JSON object whose `weight_map` begins with a
  /// weights file; nil if the file is not an index.
  func format(ofIndex file: InputFile, name: String) throws -> (any WeightsFormat.Type)? {
    if let format = format(ofIndexName: name) { return format }
    let bytes = try file.bytes(at: 0, count: min(file.byteCount, Self.examinedByteCount))
    do throws(JSONError) { return try listedFormat(bytes) } catch { return nil }
  }

  private func listedFormat(_ json: [UInt8]) throws(JSONError) -> (any WeightsFormat.Type)? {
    var reader = JSONReader(json.rawSpan)
    guard try reader.peekKind() == .object else { return nil }
    try reader.enterObject()
    while let key = try reader.nextKey() {
      guard key == "weight_map" else {
        try reader.skipValue()
        continue
      }
      guard try reader.peekKind() == .object else { return nil }
      try reader.enterObject()
      guard try reader.nextKey() != nil, try reader.peekKind() == .string else { return nil }
      return format(of: try reader.readString())
    }
    return nil
  }
}
