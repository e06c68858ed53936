import Base
import Checkpoints
import PyTorch
import Safetensors
import TensorCore
import TestSupport
import Testing
import Zip

/// Files that this program writes.
@Suite struct WriterTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(
    _ checkpoint: Checkpoint, to name: String, jobs: Int = 2,
    options: WriterOptions = WriterOptions()
  ) throws -> OutputJob {
    let job = try OutputJob(
      checkpoint, to: folder[name], container: PyTorchContainer.self, options: options,
      replacesExisting: false)
    try job.run(
      jobs: jobs, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
    return job
  }

  private func checkpoint(_ tensors: [LazyTensor]) -> Checkpoint {
    Checkpoint(
      path: "memory", container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  @Test("tensors of every dtype that PyTorch has come back")
  func dtypes() throws {
    var original = try SafetensorsContainer.read(
      Fixtures.path("safetensors/valid/all_dtypes.safetensors"))
    #expect(original.tensors.count > 15)
    original.tensors.removeAll { $0.info.dtype == .f6E2M3 || $0.info.dtype == .f6E3M2 }
    let job = try write(original, to: "a.pt")
    let read = try PyTorchContainer.read(folder["a.pt"])
    #expect(read.tensors.map(\.info) == original.tensors.map(\.info))
    for (found, wanted) in zip(read.tensors, original.tensors) {
      #expect(try found.bytes() == wanted.bytes())
    }
    #expect(try folder.bytes("a.pt").count == job.plan.byteCount)
    #expect(read.hasChecksums)
  }

  @Test("a dtype that PyTorch lacks is refused by name")
  func unwritable() throws {
    let info = try TensorInfo(name: "six", dtype: .f6E2M3, shape: Shape([4]))
    let tensor = LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: [1, 2, 3]),
      stored: StoredForm(file: "", byteOffset: 0, byteCount: 3, dtype: .f6E2M3))
    let error = #expect(throws: FormatError.self) { try write(checkpoint([tensor]), to: "a.pt") }
    #expect(error?.code.description == "pytorch.unwritable")
    #expect(error?.tensor == "six")
    #expect(error?.reason.contains("F6_E2M3") == true)
    #expect(!folder.exists("a.pt"))
  }

  @Test("aliases share a storage and come back as aliases")
  func aliases() throws {
    let first = try LazyTensor.random("embed", [40, 30], seed: 1)
    var second = first
    second.info.name = "head"
    second.aliasOf = "embed"
    let job = try write(checkpoint([first, second]), to: "a.pt")
    #expect(job.plan.rows.map(\.isAlias) == [false, true])
    #expect(job.plan.byteCount < 2 * first.info.byteCount)
    let read = try PyTorchContainer.read(folder["a.pt"])
    #expect(read.tensors.map(\.aliasOf) == [nil, "embed"])
    #expect(try read.tensors[1].bytes() == first.bytes())
    _ = try write(
      checkpoint([first, second]), to: "b.pt", options: WriterOptions(keepsAliases: false))
    #expect(try PyTorchContainer.read(folder["b.pt"]).tensors.map(\.name) == ["embed"])
  }

  @Test("names, empty tensors, scalars and large shapes come back")
  func shapes() throws {
    let tensors = try [
      LazyTensor.floats("", [], [1.5]), .floats("a.b/c d", [0, 3], []),
      .floats("вес", [1, 1, 1, 1, 2], [1, 2]),
      .random("rows", [300, 70_000 / 300], seed: 2), .random("long", [300_000], seed: 3),
    ]
    _ = try write(checkpoint(tensors), to: "a.pt")
    let read = try PyTorchContainer.read(folder["a.pt"])
    #expect(read.tensors.map(\.info) == tensors.map(\.info))
    for (found, wanted) in zip(read.tensors, tensors) {
      #expect(try found.bytes() == wanted.bytes())
    }
  }

  @Test("bytes do not depend on the number of threads, and data are aligned")
  func deterministic() throws {
    let tensors = try (0..<9).map {
      try LazyTensor.random("t\($0)", [700, 300 + $0], seed: UInt64($0))
    }
    _ = try write(checkpoint(tensors), to: "a.pt", jobs: 1)
    _ = try write(checkpoint(tensors), to: "b.pt", jobs: 4)
    #expect(try folder.bytes("a.pt") == folder.bytes("b.pt"))
    let directory = try ZipDirectory(InputFile(path: folder["a.pt"]), limit: .none)
    for member in directory.members {
      #expect(try directory.dataRange(of: member).lowerBound % 64 == 0)
    }
    #expect(
      directory.members.map(\.name).prefix(3) == [
        "archive/data.pkl", "archive/byteorder", "archive/data/0",
      ])
  }

  @Test("metadata and lineage come back")
  func metadata() throws {
    var original = checkpoint([try LazyTensor.floats("w", [2], [1, 2])])
    original.metadata = [
      Checkpoint.Metadatum(key: "flag", value: .boolean(true)),
      Checkpoint.Metadatum(key: "format", value: "pt"),
      Checkpoint.Metadatum(key: "list", value: .array([.integer(1), .string("я")])),
    ]
    let lineage = Lineage(
      verb: "convert", options: [], versions: [Lineage.Option("sumac", "1")], inputs: [original])
    _ = try write(original, to: "a.pt", options: WriterOptions(lineage: lineage))
    let read = try PyTorchContainer.read(folder["a.pt"])
    #expect(read.lineage == lineage)
    #expect(read.metadata.filter { $0.key != PyTorchFile.globalsKey } == original.metadata)
    #expect(read.notes.isEmpty)
  }

  @Test("an archive of storages too large for 32 bits is planned with ZIP64")
  func large() throws {
    let info = try TensorInfo(name: "huge", dtype: .u8, shape: Shape([5 << 30]))
    let tensor = LazyTensor(
      info: info, source: Zeros(),
      stored: StoredForm(file: "", byteOffset: 0, byteCount: 0, dtype: .u8))
    let writer = try PyTorchContainer.writer(checkpoint([tensor]), options: WriterOptions())
    #expect(writer.plan.byteCount > 5 << 30)
    #expect(writer.plan.valueByteCount == 5 << 30)
  }
}

/// A source of zeros.
private struct Zeros: TensorSource {
  func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws { values.fill() }
}
