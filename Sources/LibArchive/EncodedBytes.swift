import Base
import Glibc

/// The encoded bytes that libarchive reads: a header in memory, followed by a range of a file.
@safe final class EncodedBytes {
  static let bufferByteCount = 256 << 10

  private let file: InputFile
  private var rest: Range<Int>
  private var header: [UInt8]
  private let buffer: UnsafeMutableRawPointer
  /// The error that ended reading, if it was not libarchive that found it.
  private(set) var failure: (any Error)?

  init(_ range: Range<Int>, of file: InputFile, header: [UInt8]) {
    precondition(header.count <= Self.bufferByteCount)
    self.file = file
    rest = range
    self.header = header
    unsafe buffer = .allocate(byteCount: Self.bufferByteCount, alignment: 64)
  }

  deinit { unsafe buffer.deallocate() }

  /// Reads the next bytes into the buffer, and returns their number; 0 at the end, a negative number after a failure.
  func next(_ start: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
    unsafe start.pointee = UnsafeRawPointer(buffer)
    guard header.isEmpty else {
      // SAFETY: the header is not longer than the buffer.
      unsafe header.withUnsafeBytes { header in
        guard let start = header.baseAddress else { return }
        unsafe buffer.copyMemory(from: start, byteCount: header.count)
      }
      defer { header = [] }
      return header.count
    }
    let count = min(rest.count, Self.bufferByteCount)
    guard count > 0 else { return 0 }
    // SAFETY: the span covers the start of the buffer, which nothing else uses during the read.
    var span = unsafe MutableRawSpan(_unsafeStart: buffer, byteCount: count)
    do { try file.read(at: rest.lowerBound, into: &span) } catch {
      failure = error
      return -1
    }
    rest = rest.lowerBound + count..<rest.upperBound
    return count
  }
}
