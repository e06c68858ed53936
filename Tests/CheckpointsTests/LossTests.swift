import Base
import Checkpoints
import Containers
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// The loss of casts: measured while tensors are written, and recorded in every container.
@Suite struct LossTests {
  /// Tensors as BF16: one with values too large for F16, one whose values become 0 in F16, one without loss.
  private static func model() throws -> Checkpoint {
    func tensor(_ name: String, _ values: [Float]) throws -> LazyTensor {
      let codes = values.map { UInt16($0.bitPattern >> 16) }
      return try .inMemory(
        name, .bf16, [values.count / 2, 2],
        values: codes.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] })
    }
    return .inMemory([
      try tensor("big", [1, 0.5, 131_072, -131_072, 2, 4]),
      try tensor("tiny", [0x1p-30, -0x1p-30, 0x1p-40, 0]),
      try tensor("fine", [1, 2, 3, 4]),
    ])
  }

  private static let containers = ["x.safetensors", "x.sumac", "x"]

  private static func run(
    _ checkpoint: Checkpoint, to path: String
  ) throws -> OutputJob.Outcome {
    let lineage = Lineage(
      verb: "test", options: [], versions: [], inputs: [])
    let job = try OutputJob(
      checkpoint, to: path, container: Containers.output(forPath: path),
      options: WriterOptions(lineage: lineage), replacesExisting: false)
    return try job.run(
      jobs: 2, memory: MemoryBudget(limit: MemoryBudget.standardByteCount),
      cancellation: Cancellation(), progress: NoProgress())
  }

  @Test("new infinities and zeros are counted and recorded in the lineage", arguments: containers)
  func counts(name: String) throws {
    let folder = try TemporaryFolder()
    let cast = try Cast(to: .f16).applied(to: Self.model())
    let outcome = try Self.run(cast, to: folder[name])
    #expect(outcome.losses.map(\.name) == ["big", "tiny"])
    #expect(outcome.losses.map(\.loss.infinities) == [2, 0])
    #expect(outcome.losses.map(\.loss.zeros) == [0, 3])
    #expect(
      LossWarning.message(for: outcome.losses)?.description
        == "2 values became infinite in big; 3 became zero in tiny")
    let loss = try #require(outcome.loss)
    #expect(loss.tensorCount == 2 && loss.infinities == 2 && loss.zeros == 3)
    #expect(loss.losslessShare == 4.0 / 14)
    #expect(
      loss.worst == [
        .init(name: "big", relative: 0, infinities: 2), .init(name: "tiny", relative: 1),
      ])
    let read = try Containers.read(folder[name])
    #expect(read.lineage.steps.last?.loss == loss)
    #expect(try read.tensors.first { $0.name == "fine" }?.values() == [1, 2, 3, 4])
  }

  @Test("a .sumac file states the loss of a cast tensor, and none of an exact one")
  func quality() throws {
    let folder = try TemporaryFolder()
    let cast = try Cast(to: .f16).applied(to: Self.model())
    _ = try Self.run(cast, to: folder["x.sumac"])
    let tensors = try Containers.read(folder["x.sumac"]).tensors
    // A new infinity has no finite error.
    #expect(tensors.map(\.record.relativeError) == [nil, 1, nil])
    #expect(tensors.allSatisfy { !$0.record.isLossy })
  }

  @Test("the error of a type after a cast is measured against the values before the cast")
  func wholeError() throws {
    let folder = try TemporaryFolder()
    // Saturation makes 65504 of 131072, which int8 then stores nearly exactly.
    let tensor = try LazyTensor.floats("w", [1, 4], [131_072, 0, 0, 0])
    var cast = try Cast(to: .f16, saturating: true).applied(to: .inMemory([tensor]))
    cast.tensors[0].storage = .recipe(
      TermRecipe(dense: try StorageType("int8")), RowGeometry(tensor.info.shape))
    let outcome = try Self.run(cast, to: folder["x.sumac"])
    let read = try Containers.read(folder["x.sumac"]).tensors[0]
    let expected = relativeError(try read.values(), [131_072, 0, 0, 0])
    #expect(expected > 0.49)
    #expect(abs((read.record.relativeError ?? 0) - expected) < 1e-6)
    #expect(abs((outcome.loss?.relative ?? 0) - expected) < 1e-6)
  }

  @Test("wider dtypes and F8 are exact, so nothing is measured", arguments: [DType.f32, .f64])
  func exact(dtype: DType) throws {
    let f8 = try LazyTensor.inMemory("f8", .f8E4M3, [16, 16])
    let half = try LazyTensor.inMemory("half", .f16, [4, 4])
    let cast = try Cast(to: dtype, decodesF8: true).applied(to: .inMemory([f8, half]))
    #expect(cast.tensors.allSatisfy { $0.info.dtype == dtype && $0.source.loss == nil })
  }

  @Test("F8 has an equal value in every dtype of a cast", arguments: [DType.f16, .bf16])
  func f8(dtype: DType) throws {
    for from in DType.allCases where from.isF8 {
      let codes = (0...255).map { UInt8($0) }
      let tensor = try LazyTensor.inMemory("w", from, [256], values: codes)
      let cast = try Cast(to: dtype, decodesF8: true).applied(to: .inMemory([tensor]))
      let direct = try Cast(to: .f32, decodesF8: true).applied(to: .inMemory([tensor]))
      let (found, wanted) = (try cast.tensors[0].values(), try direct.tensors[0].values())
      #expect(zip(found, wanted).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }, "\(from)")
    }
  }

  @Test("the loss of a lineage is restored from its text, and a longer one fits its reserve")
  func lineage() throws {
    let loss = ModelLoss(
      relative: 0.1 + 0.2, tensorCount: 3, losslessShare: 1.0 / 3, infinities: 7, zeros: 0,
      worst: [
        .init(name: "a\"\n", relative: 1e-300, infinities: 7), .init(name: "b", relative: 0.5),
      ])
    let lineage = Lineage(verb: "v", options: [], versions: [], inputs: []).recording(loss)
    #expect(try Lineage(json: lineage.json()) == lineage)
    let longest = ModelLoss.longest(names: ["x", "a\"\n", "y", "long name"])
    #expect(longest.worst.map(\.name).contains("long name"))
    #expect(
      JSONValue.object(longest.json).serialized().utf8.count
        > JSONValue.object(loss.json).serialized().utf8.count)
  }

  @Test("chunks count once, whatever the order and number of reads")
  func recorder() throws {
    let info = try TensorInfo(name: "w", dtype: .f32, shape: Shape([3, 1 << 18]))
    let recorder = LossRecorder(info)
    #expect(info.grid.count == 3)
    for chunk in [2, 0, 2, 1] {
      #expect(recorder.total == nil)
      recorder.record(ValueLoss(squares: Double(chunk + 1), largest: 1), ofChunk: chunk)
    }
    #expect(recorder.total?.squares == 6)
    #expect(recorder.chunk(toMeasure: info.grid[0]) == nil)
    let other = LossRecorder(info)
    #expect(other.chunk(toMeasure: info.grid[1]) == 1)
    #expect(other.chunk(toMeasure: 0..<5) == nil)
  }
}
