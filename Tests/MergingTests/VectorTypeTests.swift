import Base
import Checkpoints
import Merging
import TensorCore
import TestSupport
import Testing

/// Tests vectors of every dtype.
@Suite struct VectorTypeTests {
  private static func vector(_ dtype: DType, _ bytes: [UInt8]) throws -> Checkpoint {
    let count = 8 * bytes.count / dtype.bitsPerElement
    let info = try TensorInfo(name: "x", dtype: dtype, shape: Shape([count]))
    let tensor = LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: "v", byteOffset: 0, byteCount: bytes.count, dtype: dtype))
    return Checkpoint(
      path: "v", container: .memory, tensors: [tensor],
      metadata: [Checkpoint.Metadatum(key: TaskVector.metadataKey, value: "difference")],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  private static func floats(_ tensor: LazyTensor) throws -> [Float] {
    let bytes = try tensor.bytes()
    var values = ByteBuffer(byteCount: 4 * tensor.info.elementCount)
    var span = values.mutableBytes
    try Kernels.best.convert(
      bytes.rawSpan, from: tensor.info.dtype, to: .f32, elementCount: tensor.info.elementCount,
      saturating: false, into: &span)
    return values.bytes.floats()
  }

  @Test(
    "differences of every float are negated and added, and other dtypes are refused",
    arguments: DType.allCases)
  func dtypes(dtype: DType) throws {
    // Finite values in every dtype.
    let checkpoint = try Self.vector(dtype, Array(repeating: 0x11, count: 48))
    let isRefused = !dtype.isFloat || dtype == .f8E8M0
    do {
      let vector = try TaskVector(checkpoint)
      #expect(!isRefused)
      let values = try Self.floats(checkpoint.tensors[0])
      let negated = VectorSum(vectors: [(vector, -1)])
      #expect(negated.errors.isEmpty)
      #expect(try Self.floats(negated.summed().tensors[0]) == values.map { -$0 })
      let nothing = VectorSum(vectors: [(vector, 1), (vector, -1)]).summed()
      #expect(try Self.floats(nothing.tensors[0]).allSatisfy { $0 == 0 })
    } catch {
      #expect(isRefused && "\(error)".contains("\(dtype.name) cannot hold differences"))
    }
  }

  @Test("F64 is added in double precision")
  func wide() throws {
    let number = 0.1.bitPattern
    let stored = (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    let vector = try TaskVector(Self.vector(.f64, stored))
    let sum = VectorSum(vectors: [(vector, 1), (vector, 0.5)]).summed()
    let bytes = try sum.tensors[0].bytes()
    let found = bytes.rawSpan.littleEndian(UInt64.self, at: 0)
    #expect(found == (0.1 + 0.05).bitPattern)
  }
}
