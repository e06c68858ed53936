import Foundation
import TestSupport

/// Writes safetensors files of any size without keeping them in memory.
enum LargeFile {
  /// Writes one BF16 tensor `weight` with the given codes.
  static func write(_ codes: [UInt16], rows: Int, columns: Int, to path: String) throws {
    let header = Array(
      "{\"weight\":{\"dtype\":\"BF16\",\"shape\":[\(rows),\(columns)],\"data_offsets\":[0,\(2 * codes.count)]}}"
        .utf8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    let values = codes.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    try Data(length + header + values).write(to: URL(fileURLWithPath: path))
  }

  /// Writes F32 tensors `w0`, `w1`, … with the shape [rows, columns] and values that repeat every 4 MiB.
  static func write(
    to path: String, tensors: Int, rows: Int = 1, columns: Int, name: String = "w"
  ) throws {
    let byteCount = 4 * rows * columns
    let entries = (0..<tensors).map { index in
      "\"\(name)\(index)\":{\"dtype\":\"F32\",\"shape\":[\(rows),\(columns)],"
        + "\"data_offsets\":[\(index * byteCount),\((index + 1) * byteCount)]}"
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

  /// Returns 4 MiB of float32 values that resemble weights.
  private static func block() -> Data {
    var random = SeededGenerator(seed: 11)
    var data = Data(capacity: 4 << 20)
    for _ in 0..<1 << 16 {
      // One random number gives sixteen values, which is random enough for these files.
      let bits = random.next()
      for k in 0..<16 {
        let value = (Float(bits >> UInt64(4 * k) & 0xFFF) - 2048) * 1e-5
        for byte in 0..<4 { data.append(UInt8(truncatingIfNeeded: value.bitPattern >> (8 * byte))) }
      }
    }
    return data
  }
}
