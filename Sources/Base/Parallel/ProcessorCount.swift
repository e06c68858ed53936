import CLinux
import SystemPackage

/// The processors that this process may use.
package struct ProcessorCount: Sendable, Equatable {
  /// The number of processors in the affinity mask, at least 1.
  package var affinity: Int
  /// The processor time that the control groups grant, in whole processors rounded up; nil if it is not limited.
  package var quota: Int?

  package init(affinity: Int, quota: Int?) {
    self.affinity = max(1, affinity)
    self.quota = quota
  }

  /// Reads both counts from the system. A value that cannot be read does not limit.
  package static func current() -> ProcessorCount {
    ProcessorCount(
      affinity: Int(sumac_processor_count()), quota: CPUQuota.processorCount(read: text))
  }

  /// The number of threads that can run at a time, at least 1.
  package var usable: Int { max(1, min(affinity, quota ?? affinity)) }

  private static let maximumByteCount = 1 << 22

  /// Returns the text of a file of unknown length, such as one in /proc, or nil if it cannot be read.
  private static func text(_ path: String) -> String? {
    guard let file = try? FileDescriptor.open(FilePath(path), .readOnly) else { return nil }
    defer { try? file.close() }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 14)
    while bytes.count < maximumByteCount {
      // SAFETY: the array lends its memory with its true length during the call.
      guard let count = try? unsafe piece.withUnsafeMutableBytes({ try unsafe file.read(into: $0) })
      else { return nil }
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
