package import Base
import Checkpoints
package import TensorCore
package import Zip

/// A source whose values are stored in Fortran order, with the first index changing fastest.
///
/// It reads one panel at a time, in the order of the file, and transposes it in memory. A panel of rows that are not
/// the whole array needs one read for each column, or, if the bytes are decoded, one pass over the array.
package struct FortranTensorSource: TensorSource {
  private let file: InputFile
  private let info: TensorInfo
  /// The offset of the first value in the file.
  private let byteOffset: Int
  /// The checksum of the member; nil for a file of its own. It is compared before the first panel is read.
  private let checksum: ZipChecksum?
  private let layout: FortranLayout
  private let panels: FortranPanels
  /// The number of the array among those that share the panels.
  private let array: Int

  private static let windowByteCount = 256 << 10
  /// The number of bytes that are read in place of a new read.
  private static let gapByteCount = 4096

  package init(
    file: InputFile, info: TensorInfo, byteOffset: Int, checksum: ZipChecksum? = nil,
    panels: FortranPanels, array: Int, panelByteCount: Int? = nil
  ) {
    (self.file, self.info, self.byteOffset) = (file, info, byteOffset)
    (self.checksum, self.panels, self.array) = (checksum, panels, array)
    let limit =
      panelByteCount
      ?? (file.isDecoded ? FortranPanels.decodedByteCount : FortranPanels.storedByteCount)
    let size = Self.byteCount(of: info)
    layout = FortranLayout(info.shape, limit: max(1, limit / size))
    panels.reserve(
      byteCount: layout.largestPanel * size + min(Self.windowByteCount, info.byteCount)
        + (checksum == nil ? 0 : ZipChecksum.verificationByteCount))
  }

  /// The number of bytes of an element; NumPy has no dtype that is not whole bytes.
  private static func byteCount(of info: TensorInfo) -> Int { info.dtype.bitsPerElement / 8 }

  private var elementByteCount: Int { Self.byteCount(of: info) }

  /// The memory of the panels is reserved, as all workers share it.
  package func scratchByteCount(elementCount: Int) -> Int { 0 }

  package var readingPlace: ReadingPlace? { file.readingPlace(at: byteOffset) }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let size = elementByteCount
    var element = elements.lowerBound
    while element < elements.upperBound {
      let panel = layout.panel(containing: element)
      let part = panel.elements.clamped(to: elements)
      let target = (part.lowerBound - elements.lowerBound) * size
      let source = (part.lowerBound - panel.elements.lowerBound) * size
      try panels.with(
        array: array, element: panel.elements.lowerBound, byteCount: panel.elements.count * size,
        load: { try load(panel, into: &$0) },
        use: { values.copy($0.extracting(source..<source + part.count * size), at: target) })
      element = part.upperBound
    }
  }

  @_lifetime(target: copy target)
  private func load(_ panel: FortranLayout.Panel, into target: inout MutableRawSpan) throws {
    // A panel with all elements completes the checksum itself.
    if panel.elements.count < info.elementCount { try checksum?.verify() }
    switch elementByteCount {
    case 1: try load(panel, UInt8.self, into: &target)
    case 2: try load(panel, UInt16.self, into: &target)
    case 4: try load(panel, UInt32.self, into: &target)
    default: try load(panel, UInt64.self, into: &target)
    }
  }

  /// Reads the words of a panel in the order of the file.
  @_lifetime(target: copy target)
  private func load<Word: FixedWidthInteger & BitwiseCopyable>(
    _ panel: FortranLayout.Panel, _: Word.Type, into target: inout MutableRawSpan
  ) throws {
    let size = MemoryLayout<Word>.size
    let end = byteOffset + info.byteCount
    var window = FileWindow(
      file, checksum: panel.elements.count < info.elementCount ? nil : checksum,
      readAhead: readAhead(rowCount: panel.rowCount), end: end)
    var indexes = layout.innerAxes.map { _ in 0 }
    var (column, place) = (panel.fileElement, 0)
    while true {
      for row in 0..<panel.rowCount {
        let offset = byteOffset + (column + row * layout.rowStride) * size
        target.storeLittleEndian(
          try window.word(Word.self, at: offset), at: (place + row * layout.innerCount) * size)
      }
      // The next column in the file: the first axis that has another index.
      var isNext = false
      for (number, axis) in layout.innerAxes.enumerated() {
        indexes[number] += 1
        (column, place) = (column + axis.fileStride, place + axis.rowStride)
        if indexes[number] < axis.count {
          isNext = true
          break
        }
        indexes[number] = 0
        column -= axis.count * axis.fileStride
        place -= axis.count * axis.rowStride
      }
      guard isNext else { return }
    }
  }

  /// Returns the number of bytes to read at once: many if those between two columns are few, one element if elements
  /// are far from each other.
  private func readAhead(rowCount: Int) -> Int {
    let size = elementByteCount
    if file.isDecoded { return Self.windowByteCount }
    guard layout.rowStride * size <= Self.gapByteCount else { return size }
    let columnByteCount = rowCount * layout.rowStride * size
    let distance = layout.innerAxes.first.map { $0.fileStride * size } ?? columnByteCount
    return distance - columnByteCount <= Self.gapByteCount
      ? Self.windowByteCount : min(columnByteCount, Self.windowByteCount)
  }
}

/// A part of a file in memory, which moves to the bytes that are asked for.
private struct FileWindow: ~Copyable {
  private let file: InputFile
  private let checksum: ZipChecksum?
  private let end: Int
  private var buffer: ByteBuffer
  private var range = 0..<0

  /// - Parameters:
  ///   - checksum: The checksum that the bytes count to, if all of them are read in ascending order.
  ///   - readAhead: The number of bytes to read at once.
  ///   - end: The end of the bytes that may be read.
  init(_ file: InputFile, checksum: ZipChecksum?, readAhead: Int, end: Int) {
    self.file = file
    self.checksum = checksum
    self.end = end
    buffer = ByteBuffer(byteCount: readAhead)
  }

  /// Returns the word at a byte offset of the file. The offset and the length of the window are multiples of its size
  /// after the same start.
  mutating func word<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, at byteOffset: Int
  ) throws -> Word {
    if byteOffset < range.lowerBound || byteOffset + MemoryLayout<Word>.size > range.upperBound {
      let (file, checksum) = (file, checksum)
      let count = min(buffer.byteCount, end - byteOffset)
      range = 0..<0
      var span = buffer.mutableBytes
      var part = span._mutatingExtracting(0..<count)
      if let checksum {
        try checksum.read(at: byteOffset, into: &part)
      } else {
        try file.read(at: byteOffset, into: &part)
      }
      range = byteOffset..<byteOffset + count
    }
    guard let word = buffer.bytes.littleEndian(Word.self, at: byteOffset - range.lowerBound) else {
      throw ChangedInputError(path: file.path)
    }
    return word
  }
}
