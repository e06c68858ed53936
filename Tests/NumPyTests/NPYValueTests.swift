import Base
import Checkpoints
import NumPy
import TensorCore
import TestSupport
import Testing

/// Tests of the values of arrays in each order of bytes and elements.
@Suite struct NPYValueTests {
  static let types: [(descr: String, dtype: DType, wordByteCount: Int)] = [
    ("b1", .bool, 1), ("i1", .i8, 1), ("u1", .u8, 1), ("i2", .i16, 2), ("u2", .u16, 2),
    ("f2", .f16, 2), ("i4", .i32, 4), ("u4", .u32, 4), ("f4", .f32, 4), ("i8", .i64, 8),
    ("u8", .u64, 8), ("f8", .f64, 8), ("c8", .c64, 4),
  ]

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func random(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  private static func swapped(_ bytes: [UInt8], wordByteCount: Int) -> [UInt8] {
    stride(from: 0, to: bytes.count, by: wordByteCount).flatMap {
      bytes[$0..<$0 + wordByteCount].reversed()
    }
  }

  private func tensor(_ bytes: [UInt8]) throws -> LazyTensor {
    try folder.write(bytes, to: "a.npy")
    return try #require(try NPYContainer.read(folder["a.npy"]).tensors.first)
  }

  @Test("every type is read in both orders of bytes and elements", arguments: types.indices)
  func everyType(index: Int) throws {
    let (descr, dtype, wordByteCount) = Self.types[index]
    let shape = [3, 4, 5]
    let size = dtype.bitsPerElement / 8
    let values = Self.random(60 * size, seed: UInt64(index))
    for order in ["<", ">", "|", "=", ""] {
      for isFortranOrder in [false, true] {
        let ordered = isFortranOrder ? NPYFileBuilder.fortran(values, shape, size: size) : values
        let stored =
          order == ">" ? Self.swapped(ordered, wordByteCount: wordByteCount) : ordered
        let tensor = try tensor(
          NPYFileBuilder.file(
            NPYFileBuilder.header(order + descr, shape, isFortranOrder: isFortranOrder), stored))
        #expect(tensor.info.dtype == dtype)
        #expect(tensor.info.shape.dimensions == shape)
        #expect(try tensor.bytes() == values)
      }
    }
  }

  static let shapes: [[Int]] = [
    [1], [7], [3, 5], [5, 3], [1, 6], [6, 1], [2, 3, 4], [4, 1, 3, 1, 2], [2, 2, 2, 2, 2], [1, 1],
    [40, 30], [3, 500], [500, 3], [2, 3, 100],
  ]

  @Test("arrays in Fortran order are transposed in panels of any size", arguments: shapes)
  func transposed(shape: [Int]) throws {
    let info = try TensorInfo(name: "a", dtype: .i16, shape: Shape(shape))
    let values = Self.random(info.byteCount, seed: 3)
    try folder.write([1, 2, 3] + NPYFileBuilder.fortran(values, shape, size: 2), to: "values")
    let file = try InputFile(path: folder["values"])
    for limit in [2, 4, 6, 10, 32, 64, 200, 1000, 1 << 20] {
      let source = FortranTensorSource(
        file: file, info: info, byteOffset: 3, panels: FortranPanels(), array: 0,
        panelByteCount: limit)
      let tensor = LazyTensor(
        info: info, source: source,
        stored: StoredForm(file: "", byteOffset: 0, byteCount: 0, dtype: .i16))
      #expect(try tensor.bytes() == values, "panels of \(limit) bytes")
    }
  }

  @Test("panels do not overlap, fit the limit, and cover all elements", arguments: shapes)
  func partition(shape: [Int]) throws {
    let shape = try Shape(shape)
    for limit in [1, 2, 3, 7, 50, 5000] {
      let layout = FortranLayout(shape, limit: limit)
      #expect(layout.largestPanel <= limit)
      var element = 0
      while element < shape.elementCount {
        let panel = layout.panel(containing: element)
        #expect(panel.elements.lowerBound == element)
        #expect(panel.elements.count <= layout.largestPanel)
        #expect(layout.panel(containing: panel.elements.upperBound - 1) == panel)
        element = panel.elements.upperBound
      }
      #expect(element == shape.elementCount)
    }
  }

  @Test("any range of an array in Fortran order is read, whichever panel is in memory")
  func ranges() throws {
    let shape = [6, 7, 8]
    let values = Self.random(4 * 6 * 7 * 8, seed: 5)
    try folder.write(NPYFileBuilder.fortran(values, shape, size: 4), to: "values")
    let info = try TensorInfo(name: "a", dtype: .f32, shape: Shape(shape))
    let panels = FortranPanels()
    let sources = try (0..<2).map { number in
      FortranTensorSource(
        file: try InputFile(path: folder["values"]), info: info, byteOffset: 0, panels: panels,
        array: number, panelByteCount: 300)
    }
    var random = SeededGenerator(seed: 9)
    for _ in 0..<200 {
      let start = Int.random(in: 0...info.elementCount, using: &random)
      let end = Int.random(in: start...info.elementCount, using: &random)
      var buffer = ByteBuffer(byteCount: 4 * (end - start))
      var span = buffer.mutableBytes
      var scratch = MutableRawSpan()
      try sources[Int.random(in: 0..<2, using: &random)].read(
        start..<end, into: &span, scratch: &scratch)
      #expect(buffer.bytes.array() == Array(values[4 * start..<4 * end]))
    }
  }

  @Test(
    "arrays without elements or dimensions are read", arguments: [[], [0], [3, 0, 2], [1, 1]])
  func small(shape: [Int]) throws {
    let values = Self.random(shape.contains(0) ? 0 : 8, seed: 1)
    for isFortranOrder in [false, true] {
      let tensor = try tensor(
        NPYFileBuilder.file(
          NPYFileBuilder.header(">f8", shape, isFortranOrder: isFortranOrder),
          Self.swapped(values, wordByteCount: 8)))
      #expect(tensor.info.shape.dimensions == shape)
      #expect(try tensor.bytes() == values)
    }
  }

  @Test("values that are stored as tensors have them can be copied")
  func copied() throws {
    let plain = try tensor(
      NPYFileBuilder.file(NPYFileBuilder.header("<f4", [2]), Self.random(8, seed: 1)))
    #expect(plain.source.fileBytes?.range.count == 8)
    let big = try tensor(
      NPYFileBuilder.file(NPYFileBuilder.header(">f4", [2]), Self.random(8, seed: 1)))
    #expect(big.source.fileBytes == nil)
  }
}
