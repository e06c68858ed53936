import Base
import Checkpoints
import TensorCore
import TestSupport
import Testing

@Suite struct FloatReaderTests {
  /// The content of the errors of these tests.
  private struct Refused: Error, Equatable {
    var problem: FloatReader.Problem
  }

  private static func reader(
    _ tensor: LazyTensor, _ refused: FloatReader.Refused, rounding: DType? = nil
  ) -> FloatReader {
    FloatReader(
      tensor, .refuse(refused) { _, problem in Refused(problem: problem) }, rounding: rounding)
  }

  private static func tensor(_ dtype: DType, _ values: [Float]) throws -> LazyTensor {
    var buffer = ByteBuffer(byteCount: values.count * dtype.bitsPerElement / 8)
    var target = buffer.mutableBytes
    try Kernels.best.convert(
      values.rawSpan, from: .f32, to: dtype, elementCount: values.count, saturating: false,
      into: &target)
    return try .inMemory("w", dtype, [values.count], values: buffer.bytes.array())
  }

  private static func doubles(_ values: [Double]) throws -> LazyTensor {
    try .inMemory(
      "w", .f64, [values.count],
      values: values.flatMap { value in
        (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt64($0))) }
      })
  }

  /// Reads with exactly the memory that the reader asks for.
  private static func read(
    _ reader: FloatReader, _ elements: Range<Int>
  ) throws -> (values: [Float], tally: NonfiniteTally) {
    let layout = reader.workspace(elementCount: elements.count)
    var buffer = ByteBuffer(byteCount: layout.byteCount)
    var workspace = buffer.mutableBytes
    return try layout.withSpans(of: &workspace) { values, scratch in
      let tally = try reader.read(elements, into: &values, scratch: &scratch)
      return (values.bytes.floats(), tally)
    }
  }

  @Test("a range of any dtype reads as converting it does", arguments: DType.allCases)
  func ranges(dtype: DType) throws {
    let tensor = try LazyTensor.inMemory("w", dtype, [64], seed: 5)
    let bytes = try tensor.bytes()
    var buffer = ByteBuffer(byteCount: 4 * 64)
    var target = buffer.mutableBytes
    do {
      try Kernels.best.convert(
        bytes.rawSpan, from: dtype, to: .f32, elementCount: 64, saturating: false, into: &target)
    } catch {
      #expect(throws: Kernels.ConversionError.self) { try Self.read(FloatReader(tensor), 8..<32) }
      return
    }
    let expected = buffer.bytes.floats()[8..<32].map(\.bitPattern)
    #expect(try Self.read(FloatReader(tensor), 8..<32).values.map(\.bitPattern) == expected)
    #expect(try Self.read(FloatReader(tensor), 8..<8).values.isEmpty)
  }

  @Test("values are rounded first where that is asked for", arguments: [DType.f32, .f64, .f16])
  func rounding(dtype: DType) throws {
    let tensor = try Self.tensor(dtype, [1.001, -3.1416, 66_000, 0])
    let values = try Self.read(FloatReader(tensor, rounding: .bf16), 0..<4).values
    #expect(values[..<2] == [1, -3.140625])
    #expect(values[2] == (dtype == .f16 ? .infinity : 66_048))
  }

  @Test("allow reads what is not finite, and count counts it", arguments: [DType.f32, .bf16])
  func allowed(dtype: DType) throws {
    let tensor = try Self.tensor(dtype, [1, .infinity, .nan, 2, -.infinity])
    let allowed = try Self.read(FloatReader(tensor), 0..<5)
    #expect(allowed.values[1] == .infinity && allowed.values[2].isNaN)
    #expect(allowed.tally == NonfiniteTally())
    let counted = try Self.read(FloatReader(tensor, .count), 2..<5).tally
    #expect(counted.count == 2 && counted.first == 2 && counted.isNaN)
  }

  @Test("the first value of a refused kind is named by its flat index")
  func refused() throws {
    let values = [1, .infinity, .nan, 2, -.infinity] as [Float]
    for dtype in [DType.f16, .f32, .f64] {
      let tensor = try Self.tensor(dtype, values)
      #expect(throws: Refused(problem: .nan(element: 2))) {
        try Self.read(Self.reader(tensor, .nan), 1..<5)
      }
      let infinite = FloatReader.Problem.infinite(element: 1, mayBeTooLarge: dtype == .f64)
      for kind in [FloatReader.Refused.nonfinite, .nonfiniteOrFlushed] {
        #expect(throws: Refused(problem: infinite)) {
          try Self.read(Self.reader(tensor, kind), 1..<5)
        }
      }
      #expect(try Self.read(Self.reader(tensor, .nonfinite), 3..<4).values == [2])
    }
  }

  @Test("F64 values that float32 leaves nothing of are refused where that is asked for")
  func flushed() throws {
    let tensor = try Self.doubles([0, 1e-60, 0, 0, 1e-60, 1])
    #expect(throws: Refused(problem: .flushed(0..<3))) {
      try Self.read(Self.reader(tensor, .nonfiniteOrFlushed), 0..<3)
    }
    #expect(try Self.read(Self.reader(tensor, .nonfinite), 0..<3).values == [0, 0, 0])
    #expect(try Self.read(Self.reader(tensor, .nonfiniteOrFlushed), 2..<4).values == [0, 0])
    #expect(try Self.read(Self.reader(tensor, .nonfiniteOrFlushed), 3..<6).values == [0, 0, 1])
  }

  @Test("stored bytes are lent as they are", arguments: [DType.f32, .f16])
  func stored(dtype: DType) throws {
    let tensor = try Self.tensor(dtype, [1, 2, 3, 4])
    let reader = FloatReader(tensor)
    let layout = reader.workspace(elementCount: 2)
    var buffer = ByteBuffer(byteCount: layout.byteCount)
    var workspace = buffer.mutableBytes
    try layout.withSpans(of: &workspace) { values, scratch in
      var lent: [UInt8] = []
      _ = try reader.read(1..<3, into: &values, scratch: &scratch) { stored, _ in
        lent = stored.array()
      }
      let width = dtype.bitsPerElement / 8
      #expect(try lent == Array(tensor.bytes()[width..<3 * width]))
      #expect(values.bytes.floats() == [2, 3])
    }
    var target = ByteBuffer(byteCount: 16)
    var floats = target.mutableBytes
    let bytes = try tensor.bytes()
    try reader.take(bytes.rawSpan, of: 0..<4, into: &floats)
    #expect(target.bytes.floats() == [1, 2, 3, 4])
  }
}
