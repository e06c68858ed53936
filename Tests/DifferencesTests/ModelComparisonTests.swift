import Base
import Checkpoints
import Differences
import Foundation
import Reporting
import TensorCore
import TestSupport
import Testing

/// A source of which every read fails with damage.
private struct DamagedSource: TensorSource {
  let info: TensorInfo

  func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    throw FormatError(.nonfiniteValue, "unreadable", path: "memory", tensor: info.name)
  }
}

@Suite struct ModelComparisonTests {
  private func model(
    _ tensors: [LazyTensor], metadata: [(String, String)] = []
  ) -> Checkpoint {
    Checkpoint(
      path: "memory", container: ContainerName(rawValue: "memory"), tensors: tensors,
      metadata: metadata.map { Checkpoint.Metadatum(key: $0.0, value: $0.1) },
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  private func difference(
    _ a: [LazyTensor], _ b: [LazyTensor], map: String = "", metric: DifferenceMetric = .percent,
    tolerance: Double? = nil, workers: Int = 2, selecting: (String) -> Bool = { _ in true }
  ) throws -> ModelDifference {
    let names = try NameMap(text: map, path: "map")
    return try ModelComparison(model(a), model(b), names: names, selecting: selecting).difference(
      metric: metric, tolerance: tolerance, engine: .test(workers: workers))
  }

  @Test("tensors are paired by name, and the rest by content")
  func statuses() throws {
    let found = try difference(
      [
        .floats("same", [2], [1, 2]), .floats("changed", [2], [1, 2]), .floats("old", [2], [5, 6]),
        .floats("shape", [2], [1, 2]), .floats("gone", [1], [9]),
      ],
      [
        .floats("same", [2], [1, 2]), .floats("changed", [2], [1, 3]), .floats("new", [2], [5, 6]),
        .floats("shape", [1, 2], [1, 2]), .floats("fresh", [1], [8]),
      ])
    #expect(
      found.tensors.map(\.status) == [.equal, .changed, .equal, .shape, .missing, .added])
    #expect(found.tensors.map(\.isRenamed) == [false, false, true, false, false, false])
    #expect(found.tensors[2].b?.name == "new")
    #expect(found.worstFirst.map(\.name) == ["gone", "fresh", "shape", "changed", "same", "old"])
    #expect(found.differs)
  }

  @Test("a map renames tensors, with stars")
  func map() throws {
    let found = try difference(
      [.floats("h.0.a.w", [1], [1]), .floats("x", [1], [2])],
      [.floats("layers.0.b.w", [1], [3]), .floats("y", [1], [4])],
      map: "# names\nh.*.a.* layers.*.b.*\n\nx y\n")
    #expect(found.tensors.map { $0.b?.name } == ["layers.0.b.w", "y"])
    #expect(found.tensors.allSatisfy { $0.status == .changed })
  }

  @Test("a selection is by the name in A, and by the name in B of what only B has")
  func selection() throws {
    let a = try [LazyTensor.floats("h.0", [1], [1]), .floats("h.1", [1], [2])]
    let b = try [
      LazyTensor.floats("l.0", [1], [1]), .floats("l.1", [1], [2]), .floats("h.2", [1], [3]),
    ]
    let byNameInA = try difference(a, b, map: "h.* l.*") { $0.hasPrefix("h.") }
    #expect(byNameInA.tensors.map { $0.b?.name } == ["l.0", "l.1", "h.2"])
    #expect(byNameInA.tensors.map(\.status) == [.equal, .equal, .added])
    // The tensors of B are the counterparts of tensors that are not selected.
    #expect(try difference(a, b, map: "h.* l.*") { $0.hasPrefix("l.") }.tensors.isEmpty)
  }

  @Test("equal tensors are joined by the longest common end of their names")
  func commonEnds() throws {
    func zeros(_ names: [String]) throws -> [LazyTensor] {
      try names.map { try .floats($0, [2], [0, 0]) }
    }
    let found = try difference(
      zeros(["x.bias", "h.1.fc.bias", "h.0.fc.bias", "gone"]),
      zeros(["layers.0.fc.bias", "layers.1.fc.bias", "y.bias"]))
    #expect(found.tensors.map(\.status) == [.equal, .equal, .equal, .missing])
    #expect(
      found.tensors.map { $0.b?.name } == ["y.bias", "layers.1.fc.bias", "layers.0.fc.bias", nil])
  }

  @Test("of many equal tensors, all find a counterpart")
  func manyEqual() throws {
    let a = try (0..<500).map { try LazyTensor.floats("h.\($0).bias", [1], [0]) }
    let b = try (0..<500).map { try LazyTensor.floats("layers.\(499 - $0).bias", [1], [0]) }
    let found = try difference(a, b)
    #expect(found.renamedCount == 500 && found.tensors.count == 500)
    #expect(
      found.tensors.map { $0.b?.name } == (0..<500).map { Optional("layers.\($0).bias") })
  }

  @Test("lines of a map that decide about no tensor are known")
  func unusedLines() throws {
    let map = try NameMap(text: "# names\nh.*.a h.*.b\nx y\n\nh.0.a z\nnone some\n", path: "map")
    #expect(map.unusedLines(for: ["h.0.a", "h.1.a", "x"]) == [5, 6])
    #expect(map.unusedLines(for: []) == [2, 3, 5, 6])
    #expect(NameMap().unusedLines(for: ["x"]).isEmpty)
  }

  @Test("a malformed map names its line", arguments: ["a", "a b c", "\na.* b"])
  func malformedMap(text: String) {
    #expect {
      try NameMap(text: text, path: "map")
    } throws: { error in
      (error as? UsageError)?.message.contains("line") == true
    }
  }

  @Test("two tensors cannot have one counterpart")
  func collision() throws {
    let (a, b) = (
      try [LazyTensor.floats("x", [1], [1]), .floats("y", [1], [1])],
      [try LazyTensor.floats("z", [1], [1])]
    )
    #expect { try difference(a, b, map: "* z") } throws: { $0 is UsageError }
  }

  @Test("a tolerance covers values up to it", arguments: [(0.4, true), (0.5, false), (0.6, false)])
  func tolerance(limit: Double, differs: Bool) throws {
    let found = try difference(
      [.floats("w", [2], [1, 2])], [.floats("w", [2], [1.5, 2])], metric: .max, tolerance: limit)
    #expect(found.differs == differs)
    #expect(found.tensors[0].status == .changed)
  }

  @Test("damage is named, and the other tensors are compared")
  func damage() throws {
    var bad = try LazyTensor.floats("bad", [2], [1, 2])
    bad.source = DamagedSource(info: bad.info)
    let found = try difference(
      [bad, .floats("w", [1], [1])], [.floats("bad", [2], [1, 2]), .floats("w", [1], [2])])
    #expect(found.tensors.map(\.status) == [.damaged, .changed])
    #expect(found.tensors[0].faults.count == 1)
    #expect(found.tensors[0].faults[0].contains("bad"))
    #expect(found.isDamaged)
  }

  @Test("damage of a tensor without a counterpart is named", arguments: [true, false])
  func damageAlone(isInHeader: Bool) throws {
    var bad = try LazyTensor.floats("bad", [2], [1, 2])
    if isInHeader {
      bad.fault = FormatError(.nonfiniteValue, "unreadable", path: "memory", tensor: "bad")
    } else {
      bad.source = DamagedSource(info: bad.info)
    }
    let other = try LazyTensor.floats("other", [2], [3, 4])
    for (a, b) in [([bad], [other]), ([other], [bad])] {
      let found = try difference(a, b)
      let damaged = found.tensors.filter { $0.status == .damaged }
      #expect(damaged.map(\.name) == ["bad"])
      #expect(damaged.flatMap(\.faults).contains { $0.contains("bad") })
      #expect(found.isDamaged && found.sharesNothing)
      let fault = damaged.first?.faults.first ?? ""
      #expect(DifferenceReport(found).sections.contains(.line("damaged: \(fault)")))
    }
  }

  @Test("a metric that is NaN does not break the order")
  func undefinedOrder() throws {
    let names = (0..<9).map { "t\($0)" }
    var found = try difference(
      names.map { try .floats($0, [1], [1]) },
      names.enumerated().map { try .floats($1, [1], [2 + Float($0)]) })
    for index in stride(from: 1, to: 9, by: 2) { found.tensors[index].measures?.errorNorm = .nan }
    #expect(
      found.worstFirst.map(\.name) == ["t1", "t3", "t5", "t7", "t8", "t6", "t4", "t2", "t0"])
  }

  @Test("all dtypes can be compared with themselves", arguments: DType.allCases)
  func dtypes(dtype: DType) throws {
    let info = try TensorInfo(name: "w", dtype: dtype, shape: Shape([8]))
    func tensor(_ first: UInt8) -> LazyTensor {
      let bytes = [first] + [UInt8](repeating: 0, count: info.byteCount - 1)
      return LazyTensor(
        info: info, source: MemoryTensorSource(info: info, values: bytes),
        stored: StoredForm(file: "m", byteOffset: 0, byteCount: info.byteCount, dtype: dtype))
    }
    #expect(try difference([tensor(1)], [tensor(1)]).tensors[0].status == .equal)
    #expect(try difference([tensor(1)], [tensor(0)]).tensors[0].status == .changed)
  }

  @Test("no digit depends on the number of workers", arguments: [1, 3, 7])
  func workers(count: Int) throws {
    let a = try [
      LazyTensor.random("l.0.w", [700, 1_001], seed: 1), .random("l.1.w", [5], seed: 2),
    ]
    let b = try [
      LazyTensor.random("l.0.w", [700, 1_001], seed: 3), .random("l.1.w", [5], seed: 4),
    ]
    let expected = try difference(a, b, workers: 2)
    #expect(try difference(a, b, workers: count) == expected)
    #expect(expected.layers.map(\.name) == ["l.0", "l.1"])
    #expect(expected.total?.valueCount == 700_705)
  }

  @Test("models without a common tensor are said to share nothing")
  func nothingShared() throws {
    let found = try difference([.floats("a", [1], [1])], [.floats("b", [1], [2])])
    #expect(found.sharesNothing)
    #expect(
      DifferenceReport(found).sections.contains(
        .line("no tensor of A has a counterpart in B, by name or by content")))
  }

  @Test("the JSON of a report decodes to the value")
  func json() throws {
    let found = try difference(
      [.floats("l.0.w", [2], [1, 2]), .floats("x", [1], [3])],
      [.floats("l.0.w", [2], [1, 0]), .floats("y", [1], [4])])
    var options = DifferenceReport.Options()
    options.selection = .all
    options.sortKey = .catalog
    let text = DifferenceReport(found, options: options).rendered(as: .json, width: nil)
    let decoded = try JSONDecoder().decode(ModelDifference.self, from: Data(text.utf8))
    #expect(decoded == found)
  }

  @Test("metadata that differ are listed")
  func metadata() throws {
    let a = model([], metadata: [("k", "1"), ("same", "x"), ("gone", "z")])
    let b = model([], metadata: [("k", "2"), ("same", "x"), ("new", "n")])
    let found = try ModelComparison(a, b).difference(
      metric: .percent, tolerance: nil, engine: .test())
    #expect(
      found.metadata == [
        ModelDifference.Entry(name: "k", a: "1", b: "2"),
        ModelDifference.Entry(name: "gone", a: "z", b: nil),
        ModelDifference.Entry(name: "new", a: nil, b: "n"),
      ])
  }
}
