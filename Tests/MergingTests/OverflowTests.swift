import Base
import Checkpoints
import Merging
import TensorCore
import TestSupport
import Testing

/// Tests sums that are too large for float32.
@Suite struct OverflowTests {
  private static let largest = Float.greatestFiniteMagnitude

  private static func merged(
    _ method: String, weight: Float, _ models: [String: [Float]], header: String = ""
  ) throws -> [Float] {
    let names = models.keys.filter { $0 != "base" }.sorted()
    let yaml = """
      merge_method: \(method)
      \(models.keys.contains("base") ? "base_model: base" : "")
      models: [\(names.map { "{model: \($0), parameters: {weight: \(weight)}}" }.joined(separator: ", "))]
      \(header)
      """
    let tensors = try models.mapValues { [try LazyTensor.floats("w", [$0.count], $0)] }
    return try MergePropertyTests.merged(yaml, tensors).tensors[0].bytes().floats
  }

  @Test("a mean of finite values is finite, and the means beside it keep their bits")
  func mean() throws {
    let third: Float = 1 / 3
    let found = try Self.merged(
      "linear", weight: 1,
      ["a": [Self.largest, third, -3.4e38], "b": [Self.largest, 0.1, -3.4e38]])
    #expect(found == [Self.largest, (third + 0.1) / 2, -3.4e38])
  }

  @Test("products that cancel each other do not become NaN")
  func cancelling() throws {
    let found = try Self.merged(
      "linear", weight: 4, ["a": [3e38, 1], "b": [-3e38, 1]],
      header: "parameters: {normalize: false}")
    #expect(found == [0, 8])
  }

  @Test(
    "a sum that is too large is an error that names tensor and value",
    arguments: ["linear", "task_arithmetic", "ties"])
  func sum(method: String) throws {
    var models: [String: [Float]] = ["a": [1, 3e38, 2], "b": [1, 3e38, 2]]
    if method != "linear" { models["base"] = [0, -3e38, 0] }
    let error = try #require(throws: FormatError.self) {
      try Self.merged(method, weight: 1, models, header: "parameters: {normalize: false}")
    }
    #expect(error.code == .nonfiniteValue && error.tensor == "w")
    #expect("\(error)".contains("value 1 becomes infinite"))
  }

  @Test("an infinity of a model stays an infinity")
  func infinity() throws {
    let found = try Self.merged(
      "linear", weight: 1, ["a": [.infinity, Self.largest], "b": [1, Self.largest]])
    #expect(found == [.infinity, Self.largest])
  }

  @Test("values that a dtype of the recipe cannot hold are an error")
  func narrow() throws {
    let error = try #require(throws: FormatError.self) {
      try Self.merged(
        "linear", weight: 0.5, ["a": [1, 1e5], "b": [1, 1]], header: "dtype: float16")
    }
    #expect(error.code == .nonfiniteValue && "\(error)".contains("value 1 becomes infinite"))
  }

  @Test("more infinities than are examined at once are all examined")
  func many() throws {
    var values = [Float](repeating: .infinity, count: 70_000)
    values[69_999] = Self.largest
    let found = try Self.merged("linear", weight: 1, ["a": values, "b": values])
    #expect(found == values)
  }

  @Test(
    "a vector whose sum with the base is too large is an error",
    arguments: [DType.f32, .bf16, .f16])
  func vector(dtype: DType) throws {
    let large = dtype == .f16 ? 6e4 : 3e38
    func tensor(_ values: [Double]) throws -> LazyTensor {
      let bytes = values.flatMap { value in
        (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
      }
      var converted = ByteBuffer(byteCount: values.count * dtype.bitsPerElement / 8)
      var span = converted.mutableBytes
      try Kernels.best.convert(
        bytes.rawSpan, from: .f64, to: dtype, elementCount: values.count, saturating: false,
        into: &span)
      let info = try TensorInfo(name: "w", dtype: dtype, shape: Shape([values.count]))
      let stored = span.bytes.array()
      return LazyTensor(
        info: info, source: MemoryTensorSource(info: info, values: stored),
        stored: StoredForm(file: "v", byteOffset: 0, byteCount: stored.count, dtype: dtype))
    }
    func checkpoint(_ values: [Double], isVector: Bool) throws -> Checkpoint {
      Checkpoint(
        path: "v", container: .memory, tensors: [try tensor(values)],
        metadata: isVector
          ? [Checkpoint.Metadatum(key: TaskVector.metadataKey, value: "difference")] : [],
        identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    }
    let vector = try TaskVector(checkpoint([0, 1, large], isVector: true))
    let fits = try VectorApplication(
      base: checkpoint([.infinity, 1, 0], isVector: false), vectors: [(vector, 1)]
    ).applied()
    let bytes = try fits.tensors[0].bytes()
    #expect(!bytes.rawSpan.isFinite(0, dtype: dtype) && bytes.rawSpan.isFinite(2, dtype: dtype))
    let application = try VectorApplication(
      base: checkpoint([1, 1, large], isVector: false), vectors: [(vector, 1)])
    #expect(application.errors.isEmpty, "\(application.errors)")
    let sum = try application.applied()
    let error = try #require(throws: FormatError.self) { try sum.tensors[0].bytes() }
    #expect(error.code == .nonfiniteValue && "\(error)".contains("value 2 becomes"))
  }
}
