import Base

/// The headers of a llama.cpp sequence or session file, with the offsets of its values.
///
/// Source: llama.cpp, `llama_state_seq_save_file`, version 3 and both variants of version 2.
struct LlamaFile: Sendable {
  static let sequenceMagic: UInt32 = 0x6767_7371
  static let sessionMagic: UInt32 = 0x6767_736E
  /// The maximum number of cells and of tokens, which limits the memory for their lists.
  static let maximumCellCount = 1 << 24

  /// A token of a stream: its position and the sequences that contain it.
  struct Cell: Sendable {
    var position: Int32
    var sequences: [Int32]
  }

  /// The keys or values of a layer, by row or transposed.
  struct Block: Sendable {
    var type: LlamaType
    /// The number of bytes of a cell's row, or of an element if transposed.
    var byteCount: Int
    /// The number of values of a cell.
    var width: Int
    /// The offset of the values in the file.
    var byteOffset: Int
  }

  /// The cells of one or several sequences, with the keys and values of each layer.
  struct Stream: Sendable {
    var cells: [Cell]
    var isTransposed: Bool
    var keys: [Block]
    var values: [Block]
  }

  let file: InputFile
  let tokens: [Int32]
  let streams: [Stream]

  init(_ file: InputFile) throws {
    self.file = file
    var cursor = Cursor(file)
    let magic = try cursor.u32("the magic number")
    let version = try cursor.u32("the version")
    func readTokens() throws -> [Int32] {
      let count = try cursor.count("tokens", of: 4, maximum: Self.maximumCellCount)
      return try (0..<count).map { _ in try cursor.i32("a token") }
    }
    var hasStreams = [true]
    switch magic {
    case Self.sequenceMagic:
      guard version == 2 || version == 3 else {
        throw cursor.fault("is a sequence file of version \(version), expected 2 or 3")
      }
      tokens = try readTokens()
      // The two variants of version 2 are distinguished by the one that ends at the end of the file.
      if version == 2 { hasStreams = [true, false] }
    case Self.sessionMagic:
      guard version == 9 || version == 10 else {
        throw cursor.fault("is a session file of version \(version), expected 9 or 10")
      }
      tokens = try readTokens()
      let length = try cursor.count("bytes of the architecture's name", of: 1)
      cursor.skip(length)
    default:
      throw cursor.fault(
        "is not a llama.cpp file: it does not begin with 71 73 67 67 or 6E 73 67 67")
    }
    let start = cursor
    var faults: [any Error] = []
    var found: [Stream]?
    for kind in hasStreams where found == nil {
      var cursor = start
      do {
        let streams = try Self.section(&cursor, hasStreams: kind)
        guard cursor.offset == file.byteCount else {
          throw cursor.fault(
            "has \(file.byteCount - cursor.offset) bytes after the last layer; other sections, such as "
              + "those of sliding windows or recurrent layers, are not supported")
        }
        found = streams
      } catch { faults.append(error) }
    }
    guard let found else { throw faults[0] }
    streams = found
  }

  private static func section(_ cursor: inout Cursor, hasStreams: Bool) throws -> [Stream] {
    let count = hasStreams ? try cursor.count("streams", of: 4) : 1
    guard 1...1024 ~= count else { throw cursor.fault("has \(count) streams, expected 1 to 1024") }
    return try (0..<count).map { _ in try stream(&cursor) }
  }

  private static func stream(_ cursor: inout Cursor) throws -> Stream {
    let count = try cursor.count("cells", of: 8, maximum: maximumCellCount)
    guard count > 0 else { return Stream(cells: [], isTransposed: false, keys: [], values: []) }
    let cells = try (0..<count).map { _ in
      let position = try cursor.i32("a position")
      let sequences = try cursor.count("sequences of a cell", of: 4)
      return Cell(
        position: position,
        sequences: try (0..<sequences).map { _ in try cursor.i32("a sequence") })
    }
    let transposed = try cursor.u32("v_trans")
    guard transposed <= 1 else { throw cursor.fault("has v_trans \(transposed), expected 0 or 1") }
    let layers = try cursor.count("layers", of: 12)
    guard layers > 0 else { throw cursor.fault("has no layers") }
    func rows() throws -> [Block] {
      try (0..<layers).map { _ in
        let type = try LlamaType(cursor.u32("a type"), cursor)
        let size = try cursor.u64("the size of a row")
        guard let bytes = Int(exactly: size), bytes > 0, bytes % type.blockByteCount == 0,
          bytes <= cursor.left / count
        else {
          throw cursor.fault(
            "has rows of \(size) bytes of \(type.name), but \(count) of them do not fit in the file"
          )
        }
        let block = Block(
          type: type, byteCount: bytes, width: bytes / type.blockByteCount * type.blockSize,
          byteOffset: cursor.offset)
        cursor.skip(bytes * count)
        return block
      }
    }
    let keys = try rows()
    guard transposed == 1 else {
      return Stream(cells: cells, isTransposed: false, keys: keys, values: try rows())
    }
    let values = try (0..<layers).map { _ in
      let type = try LlamaType(cursor.u32("a type"), cursor)
      let size = Int(try cursor.u32("the size of an element"))
      let width = Int(try cursor.u32("the number of values"))
      guard type.blockSize == 1, size == type.blockByteCount, width > 0,
        width <= cursor.left / size / count
      else {
        throw cursor.fault(
          "has \(width) transposed values of \(size) bytes of \(type.name), but \(count) of them do "
            + "not fit in the file")
      }
      let block = Block(type: type, byteCount: size, width: width, byteOffset: cursor.offset)
      cursor.skip(size * width * count)
      return block
    }
    return Stream(cells: cells, isTransposed: true, keys: keys, values: values)
  }

  /// Reads consecutive numbers from a file.
  struct Cursor {
    private let file: InputFile
    private(set) var offset = 0
    private var buffer: [UInt8] = []
    private var bufferStart = 0

    init(_ file: InputFile) { self.file = file }

    var left: Int { file.byteCount - offset }

    mutating func skip(_ count: Int) { offset += count }

    func fault(_ message: String) -> FormatError {
      FormatError(.cacheLayout, message, path: file.path, byteOffset: offset)
    }

    private mutating func bytes(_ count: Int, _ what: String) throws -> ArraySlice<UInt8> {
      guard left >= count else {
        throw fault("ends before \(what); the file is truncated or has another format")
      }
      if offset < bufferStart || offset + count > bufferStart + buffer.count {
        buffer = try file.bytes(at: offset, count: min(1 << 16, left))
        bufferStart = offset
      }
      defer { offset += count }
      return buffer[offset - bufferStart..<offset - bufferStart + count]
    }

    mutating func u32(_ what: String) throws -> UInt32 {
      try bytes(4, what).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func u64(_ what: String) throws -> UInt64 {
      try bytes(8, what).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func i32(_ what: String) throws -> Int32 { Int32(bitPattern: try u32(what)) }

    /// Reads the number of items that need `size` bytes each or more.
    /// - Throws: An error if there are more than `maximum`, or if they do not fit in the rest of the file.
    mutating func count(_ what: String, of size: Int, maximum: Int = .max) throws -> Int {
      let count = Int(try u32("the number of \(what)"))
      guard count <= maximum else {
        throw fault("has \(count) \(what), expected up to \(maximum)")
      }
      guard count <= left / size else {
        throw fault("has \(count) \(what), which do not fit in the remaining \(left) bytes")
      }
      return count
    }
  }
}
