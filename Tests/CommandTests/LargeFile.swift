import Foundation
import TestSupport

/// Safetensors files of any size, written without holding them in memory.
enum LargeFile {
  /// F32 tensors `w0`, `w1`, … of shape [1, columns] whose values repeat every 4 MiB.
  static func write(to path: String, tensors: Int, columns: Int) throws {
    let byteCount = 4 * columns
    let entries = (0..<tensors).map { place in
      "\"w\(place)\":{\"dtype\":\"F32\",\"shape\":[1,\(columns)],"
        + "\"data_offsets\":[\(place * byteCount),\((place + 1) * byteCount)]}"
    }
    var header = Array(("{" + entries.joined(separator: ",") + "}").utf8)
    header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? file.close() }
    let length = Data((0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) })
    try file.write(contentsOf: length + Data(header))
    let block = block()
    var left = tensors * byteCount
    while left > 0 {
      try file.write(contentsOf: block.prefix(left))
      left -= min(left, block.count)
    }
  }

  /// 4 MiB of float32 like weights.
  private static func block() -> Data {
    var random = SeededGenerator(seed: 11)
    var data = Data(capacity: 4 << 20)
    for _ in 0..<1 << 16 {
      // Sixteen values from one draw: enough for a file that is not to be all alike.
      let bits = random.next()
      for k in 0..<16 {
        let value = (Float(bits >> UInt64(4 * k) & 0xFFF) - 2048) * 1e-5
        for byte in 0..<4 { data.append(UInt8(truncatingIfNeeded: value.bitPattern >> (8 * byte))) }
      }
    }
    return data
  }
}
