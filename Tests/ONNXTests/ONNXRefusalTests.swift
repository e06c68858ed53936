import Base
import Checkpoints
import Foundation
import ONNX
import TensorCore
import TestSupport
import Testing

private typealias Proto = ProtobufBuilder

/// Tests of malformed and hostile models.
@Suite struct ONNXRefusalTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ bytes: [UInt8], _ limit: CatalogLimit = .none) throws -> Checkpoint {
    try folder.write(bytes, to: "m.onnx")
    return try ONNXContainer.read(InputTree(path: folder["m.onnx"], limit: limit))
  }

  static let four: [UInt8] = [0, 0, 128, 63]

  /// Tensors that are refused, with their codes.
  static let tensors: [(name: String, tensor: [UInt8], fault: ONNXFault)] = [
    ("no name", Proto.tensor("", type: 1, dims: [1], Proto.bytes(9, four)), .name),
    ("no data type", Proto.tensor("a", type: 0, dims: [1], Proto.bytes(9, four)), .dtype),
    ("unknown data type", Proto.tensor("a", type: 99, dims: [1], Proto.bytes(9, four)), .dtype),
    ("strings", Proto.tensor("a", type: 8, dims: [1], Proto.text(6, "x")), .dtype),
    ("int4", Proto.tensor("a", type: 22, dims: [2], Proto.bytes(9, [1])), .dtype),
    ("complex128", Proto.tensor("a", type: 15, dims: [0]), .dtype),
    ("negative", Proto.tensor("a", type: 1, dims: [-1], Proto.bytes(9, four)), .shape),
    ("too large", Proto.tensor("a", type: 1, dims: [.max, 2], Proto.bytes(9, four)), .shape),
    ("odd F4", Proto.tensor("a", type: 23, dims: [3], Proto.bytes(9, [1, 2])), .shape),
    ("65 dims", Proto.tensor("a", type: 1, dims: Array(repeating: 1, count: 65)), .protobuf),
    ("short", Proto.tensor("a", type: 1, dims: [2], Proto.bytes(9, four)), .data),
    ("long", Proto.tensor("a", type: 1, dims: [1], Proto.bytes(9, four + [0])), .data),
    ("no values", Proto.tensor("a", type: 1, dims: [1]), .data),
    (
      "raw and typed",
      Proto.tensor("a", type: 1, dims: [1], Proto.bytes(9, four) + Proto.bytes(4, four)), .data
    ),
    (
      "two fields",
      Proto.tensor("a", type: 1, dims: [1], Proto.bytes(10, four + four) + Proto.bytes(4, four)),
      .data
    ),
    ("wrong field", Proto.tensor("a", type: 1, dims: [1], Proto.bytes(7, [1])), .data),
    ("segment", Proto.tensor("a", type: 1, dims: [1], Proto.bytes(3, [])), .data),
    ("few numbers", Proto.tensor("a", type: 7, dims: [3], Proto.bytes(7, [1, 2])), .data),
    ("many numbers", Proto.tensor("a", type: 7, dims: [1], Proto.bytes(7, [1, 2])), .data),
    ("large u8", Proto.tensor("a", type: 2, dims: [1], Proto.bytes(5, [0x80, 2])), .value),
    ("bool of 2", Proto.tensor("a", type: 9, dims: [1], Proto.bytes(5, [2])), .value),
    ("negative u16", Proto.tensor("a", type: 4, dims: [1], Proto.integer(5, -1)), .value),
    ("large i8", Proto.tensor("a", type: 3, dims: [1], Proto.integer(5, 128)), .value),
    ("large u32", Proto.tensor("a", type: 12, dims: [1], Proto.integer(11, 1 << 32)), .value),
    ("cut number", Proto.tensor("a", type: 7, dims: [1], Proto.bytes(7, [0x80])), .protobuf),
    (
      "70 bits",
      Proto.tensor(
        "a", type: 7, dims: [1], Proto.bytes(7, Array(repeating: 0xFF, count: 9) + [2])), .protobuf
    ),
    ("ragged floats", Proto.tensor("a", type: 1, dims: [1], Proto.bytes(4, four + [0])), .protobuf),
    ("raw as number", Proto.tensor("a", type: 1, dims: [1], Proto.integer(9, 4)), .protobuf),
    (
      "raw twice",
      Proto.tensor("a", type: 1, dims: [1], Proto.bytes(9, four) + Proto.bytes(9, four)), .protobuf
    ),
    ("group", Proto.tensor("a", type: 1, dims: [1], Proto.tag(30, 3)), .protobuf),
    ("wire type 7", Proto.tensor("a", type: 1, dims: [1], Proto.tag(30, 7)), .protobuf),
    ("field 0", Proto.tensor("a", type: 1, dims: [1], Proto.integer(0, 1)), .protobuf),
    (
      "field past its message",
      Proto.tensor("a", type: 1, dims: [1], Proto.tag(9, 2) + Proto.varint(1 << 62)), .protobuf
    ),
    ("bad UTF-8", Proto.integer(2, 1) + Proto.bytes(8, [0xFF]), .protobuf),
    (
      "long name",
      Proto.tensor(String(repeating: "n", count: 4097), type: 1, dims: [0]), .protobuf
    ),
    ("bad location", Proto.tensor("a", type: 1, dims: [0], Proto.integer(14, 2)), .protobuf),
  ]

  @Test("a malformed tensor is refused with its own code", arguments: tensors.indices)
  func tensor(index: Int) throws {
    let (name, tensor, fault) = Self.tensors[index]
    let error = #expect(throws: FormatError.self, "\(name)") { try read(Proto.model([tensor])) }
    #expect(error?.code == fault.code, "\(name): \(error?.description ?? "")")
    #expect(error?.byteOffset != nil)
  }

  @Test("all data types without a counterpart are reported together")
  func together() throws {
    let tensors = [8, 1, 15, 21].map { Proto.tensor("t\($0)", type: $0, dims: [0]) }
    let error = #expect(throws: SeveralErrors.self) { try read(Proto.model(tensors)) }
    #expect(error?.errors.map(\.facts.tensor) == ["t8", "t15", "t21"])
  }

  static let models: [(name: String, bytes: [UInt8], fault: ONNXFault)] = [
    ("empty", [], .model), ("no graph", Proto.integer(1, 10), .model),
    ("two graphs", Proto.model([]) + Proto.bytes(7, []), .model),
    (
      "same names",
      Proto.model(Array(repeating: Proto.tensor("a", type: 1, dims: [0]), count: 2)), .name
    ),
    ("sparse", Proto.integer(1, 10) + Proto.bytes(7, Proto.bytes(15, [])), .sparse),
    (
      "metadata twice", Proto.model([], Proto.entry(14, "k", "1") + Proto.entry(14, "k", "2")),
      .model
    ),
    ("garbage", Array(repeating: 0xFF, count: 100), .protobuf),
    ("trailing byte", Proto.model([]) + [0x08], .protobuf),
  ]

  @Test("a malformed model is refused with its own code", arguments: models.indices)
  func model(index: Int) throws {
    let (name, bytes, fault) = Self.models[index]
    let error = #expect(throws: FormatError.self, "\(name)") { try read(bytes) }
    #expect(error?.code == fault.code, "\(name): \(error?.description ?? "")")
  }

  @Test("a model that is cut anywhere is refused, or has no graph yet")
  func cut() throws {
    let whole = try Fixtures.bytes("onnx/graph.onnx")
    for count in stride(from: 0, to: whole.count, by: 3) {
      // The fields after the graph may be missing.
      guard let checkpoint = try? read(Array(whole[..<count])) else { continue }
      #expect(checkpoint.tensors.count == 5)
    }
  }

  @Test("values that are not packed, or packed in parts, are read")
  func unpacked() throws {
    let floats = Proto.tag(4, 5) + Self.four + Proto.bytes(4, Self.four + Self.four)
    let integers = Proto.integer(7, -2) + Proto.bytes(7, [3, 4]) + Proto.integer(7, 5)
    let dims = Proto.bytes(1, [2, 2])
    let checkpoint = try read(
      Proto.model([
        Proto.tensor("f", type: 1, dims: [3], floats),
        dims + Proto.integer(2, 7) + Proto.text(8, "i") + integers,
        // A negative number of 32 bits, as some writers cut it.
        Proto.tensor("n", type: 6, dims: [1], Proto.integer(5, 0xFFFF_FFFE)),
      ]))
    #expect(try checkpoint.tensors[0].values() == [1, 1, 1])
    #expect(checkpoint.tensors[1].info.shape.dimensions == [2, 2])
    let values = try checkpoint.tensors[1].bytes()
    #expect((0..<4).map { values.rawSpan.littleEndian(Int64.self, at: 8 * $0) } == [-2, 3, 4, 5])
    #expect(try checkpoint.tensors[2].bytes() == [0xFE, 0xFF, 0xFF, 0xFF])
  }

  @Test("many numbers of varying length are read from any place")
  func manyNumbers() throws {
    var random = SeededGenerator(seed: 4)
    let numbers = (0..<50_000).map { _ in
      UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0..<64, using: &random)
    }
    let packed = Proto.bytes(11, numbers[..<30_000].flatMap(Proto.varint))
    let rest = Proto.bytes(11, numbers[30_000...].flatMap(Proto.varint))
    let tensor = try read(
      Proto.model([Proto.tensor("a", type: 13, dims: [50_000], packed + rest)])
    ).tensors[0]
    for start in [0, 1, 16_383, 16_384, 29_999, 30_000, 49_999] {
      let end = min(numbers.count, start + 20_000)
      var values = ByteBuffer(byteCount: 8 * (end - start))
      var target = values.mutableBytes
      var scratch = MutableRawSpan()
      try tensor.source.read(start..<end, into: &target, scratch: &scratch)
      let found = (0..<end - start).map { target.bytes.littleEndian(UInt64.self, at: 8 * $0) }
      #expect(found == Array(numbers[start..<end]))
    }
  }

  // MARK: External data

  private func external(_ entries: [(String, String)], dims: [Int64] = [2]) throws -> Checkpoint {
    let data = entries.flatMap { Proto.entry(13, $0.0, $0.1) }
    return try read(
      Proto.model([Proto.tensor("a", type: 1, dims: dims, data + Proto.integer(14, 1))]))
  }

  static let places: [(entries: [(String, String)], fault: ONNXFault)] = [
    ([], .external), ([("location", "")], .external), ([("location", "/etc/passwd")], .external),
    ([("location", "../secret")], .external), ([("location", "sub/../../secret")], .external),
    ([("location", "missing")], .external), ([("location", "sub")], .external),
    ([("location", "link")], .external), ([("location", "linked/secret")], .external),
    ([("location", "data"), ("location", "data")], .external),
    ([("location", "data"), ("offset", "-1")], .external),
    ([("location", "data"), ("offset", "0x1")], .external),
    ([("location", "data"), ("offset", "5")], .external),
    ([("location", "data"), ("offset", "9223372036854775807")], .external),
    ([("location", "data"), ("offset", "99999999999999999999")], .external),
    ([("location", "data"), ("length", "7")], .data),
    ([("location", "data"), ("checksum", "00")], .checksum),
  ]

  @Test(
    "external data outside the folder, or not as stated, are refused", arguments: places.indices)
  func place(index: Int) throws {
    let outside = try TemporaryFolder()
    try outside.write([1, 2, 3, 4, 5, 6, 7, 8], to: "secret")
    try folder.write([UInt8](repeating: 0, count: 12), to: "data")
    try folder.write([], to: "sub/file")
    try FileManager.default.createSymbolicLink(
      atPath: folder["link"], withDestinationPath: outside["secret"])
    try FileManager.default.createSymbolicLink(
      atPath: folder["linked"], withDestinationPath: outside.path)
    let (entries, fault) = Self.places[index]
    let error = #expect(throws: FormatError.self) { try external(entries) }
    #expect(error?.code == fault.code, "\(error?.description ?? "")")
  }

  @Test("external data are found by location, offset and length")
  func found() throws {
    try folder.write([9, 9] + Self.four + Self.four, to: "sub/data")
    for location in ["sub/data", "./sub/data"] {
      let tensor = try external([
        ("location", location), ("offset", "2"), ("length", "8"), ("other", "x"),
      ]).tensors[0]
      #expect(try tensor.values() == [1, 1])
    }
  }

  // MARK: Recognition and memory

  @Test("a model is recognized by its name and its first bytes")
  func recognition() throws {
    func recognition(_ bytes: [UInt8], _ name: String) throws -> ContainerRecognition? {
      try folder.write(bytes, to: name)
      return ONNXContainer.recognition(of: try InputTree(path: folder[name]))
    }
    #expect(try recognition(Proto.model([]), "a.onnx") == .content)
    #expect(try recognition([0x3A, 0, 0], "b.onnx") == .name)
    #expect(try recognition([], "c.onnx") == .name)
    #expect(try recognition(Proto.model([]), "d.bin") == nil)
  }

  @Test("the catalog is compared with the limit on memory before it is built")
  func limit() throws {
    let tensors = (0..<2000).map { Proto.tensor("t\($0)", type: 1, dims: [0]) }
    let limit = CatalogLimit(byteCount: 1 << 20, use: .report)
    #expect(throws: UsageError.self) { try read(Proto.model(tensors), limit) }
    #expect(try read(Proto.model(tensors)).tensors.count == 2000)
  }
}
