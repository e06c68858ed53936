import Base
import Checkpoints
import Differences
import Reporting
import TensorCore
import TestSupport
import Testing

/// A file of which every read fails with damage.
private struct DamagedFile: TensorSource {
  let info: TensorInfo

  func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    throw FormatError(.nonfiniteValue, "unreadable", path: info.name)
  }
}

@Suite struct CompanionTests {
  private func file(_ name: String, _ text: String, isDamaged: Bool = false) throws -> LazyTensor {
    let bytes = Array(text.utf8)
    let info = try TensorInfo(name: name, dtype: .u8, shape: Shape([bytes.count]))
    let source: any TensorSource =
      isDamaged ? DamagedFile(info: info) : MemoryTensorSource(info: info, values: bytes)
    return LazyTensor(
      info: info, source: source,
      stored: StoredForm(file: name, byteOffset: 0, byteCount: bytes.count, dtype: .u8))
  }

  private func difference(
    _ a: [LazyTensor], _ b: [LazyTensor], tolerance: Double? = nil
  ) throws -> ModelDifference {
    func model(_ companions: [LazyTensor]) -> Checkpoint {
      Checkpoint(
        path: "memory", container: ContainerName(rawValue: "memory"), tensors: [],
        companions: companions, identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    }
    return try ModelComparison(model(a), model(b)).difference(
      metric: .percent, tolerance: tolerance, engine: .test())
  }

  @Test("members of config.json are compared by their keys, which may have dots")
  func dottedKeys() throws {
    let found = try difference(
      [file("config.json", #"{"a.b": 1, "c": {"d": 2}}"#)],
      [file("config.json", #"{"a": {"b": 1}, "c": {"d": 3}}"#)])
    #expect(
      found.configuration == [
        ModelDifference.Entry(name: "a.b", a: "1", b: nil),
        ModelDifference.Entry(name: "c.d", a: "2", b: "3"),
        ModelDifference.Entry(name: "a.b", a: nil, b: "1"),
      ])
  }

  @Test(
    "a damaged file is listed and counts as damage, also if it is damaged in both models",
    arguments: [(true, true), (true, false), (false, true)], ["config.json", "tokenizer.json"])
  func damage(isDamaged: (Bool, Bool), name: String) throws {
    let found = try difference(
      [file(name, "{}", isDamaged: isDamaged.0)], [file(name, "{}", isDamaged: isDamaged.1)],
      tolerance: 1)
    #expect(found.files.map(\.name) == [name])
    #expect(found.isDamaged)
    let fault = try #require(found.files.first?.fault)
    #expect(fault.contains("unreadable"))
    #expect(DifferenceReport(found).sections.contains(.line("damaged: \(fault)")))
  }

  @Test("a file that can be read has no fault")
  func readable() throws {
    let found = try difference([file("vocab.txt", "a")], [file("vocab.txt", "b")])
    #expect(found.files.map(\.fault) == [nil])
    #expect(found.differs && !found.isDamaged)
  }
}
