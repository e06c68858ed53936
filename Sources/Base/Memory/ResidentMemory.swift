import Glibc

/// The resident memory of this process, including mapped pages.
package enum ResidentMemory {
  /// The peak so far: `VmHWM`.
  package static var peakByteCount: Int { kibibytes(of: "VmHWM:") << 10 }
  /// The memory at this moment: `VmRSS`.
  package static var currentByteCount: Int { kibibytes(of: "VmRSS:") << 10 }

  private static func kibibytes(of key: String) -> Int {
    guard let file = unsafe fopen("/proc/self/status", "re") else { return 0 }
    defer { _ = unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    // SAFETY: fgets writes at most 256 bytes, zero-terminated.
    while unsafe fgets(&line, 256, file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if text.hasPrefix(key) { return Int(text.split { !$0.isNumber }.first ?? "") ?? 0 }
    }
    return 0
  }
}
