import Base
import Sumac
import TensorCore
import TestSupport
import Testing

/// Tests of reading and writing `.sumac` files through the public interface.
@Suite struct SumacFileTests {
  private static let values: [Float] = {
    var random = SeededGenerator(seed: 7)
    return (0..<4096).map { _ in Float.random(in: -0.5...0.5, using: &random) }
  }()

  @Test("every type of element is written and read, bit for bit", arguments: ElementType.allCases)
  func roundTrip(type: ElementType) throws {
    let folder = try TemporaryFolder()
    var random = SeededGenerator(seed: UInt64(type.bitsPerElement))
    let bytes = (0..<48 * type.bitsPerElement / 8).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    var output = SumacOutput()
    try output.add("tensor", type: type, shape: [2, 3, 8], bytes: bytes)
    try output.write(to: folder["a.sumac"])
    let file = try SumacFile(path: folder["a.sumac"])
    let tensor = try #require(file.tensors.first)
    #expect(file.tensors.count == 1)
    #expect(tensor.name == "tensor" && tensor.type == type && tensor.shape == [2, 3, 8])
    #expect(tensor.elementCount == 48 && tensor.aliasOf == nil)
    #expect(try file.bytes(of: "tensor") == bytes)
  }

  @Test("the public types equal the internal ones and have the same sizes")
  func types() {
    #expect(ElementType.allCases.count == DType.allCases.count)
    for dtype in DType.allCases {
      #expect(ElementType(rawValue: dtype.name)?.bitsPerElement == dtype.bitsPerElement)
    }
  }

  @Test("reading rows equals reading the whole tensor", arguments: [nil, "int4:g32", "int8"])
  func rows(storage: String?) throws {
    let folder = try TemporaryFolder()
    var output = SumacOutput()
    try output.add("w", shape: [64, 64], floats: Self.values, as: storage)
    try output.write(to: folder["a.sumac"])
    let file = try SumacFile(path: folder["a.sumac"])
    let all = try file.floats(of: "w")
    #expect(all.count == 4096)
    for rows in [0..<1, 5..<9, 63..<64, 7..<7] {
      let wanted = Array(all[64 * rows.lowerBound..<64 * rows.upperBound])
      #expect(try file.floats(of: "w", rows: rows) == wanted)
      #expect(try file.bytes(of: "w", rows: rows) == wanted.littleEndianBytes)
    }
  }

  @Test(
    "a storage type is smaller than the values and limits their error",
    arguments: [
      ("int8", 0.5 / 127, 4096), ("int4:g32", 0.5 / 7, 2048), ("nf4", 0.153, 2048),
      ("dense:int4:g32+sparse:1%", 0.5 / 7, 2048),
    ] as [(String, Float, Int)])
  func storage(type: String, error: Float, codes: Int) throws {
    let folder = try TemporaryFolder()
    var output = SumacOutput()
    try output.add("w", shape: [64, 64], floats: Self.values, as: type)
    try output.write(to: folder["a.sumac"])
    let file = try SumacFile(path: folder["a.sumac"])
    #expect(file.tensors[0].storage.hasPrefix(type.contains("int4") ? "int4:g32" : type))
    #expect(file.tensors[0].storedByteCount < codes + 1024)
    let found = try file.floats(of: "w")
    let worst = zip(found, Self.values).map { ($0 - $1).magnitude }.max() ?? .infinity
    // The magnitude of all values is at most 0.5.
    #expect(worst > 0 && worst <= 0.51 * error)
  }

  @Test("without a storage type all values are restored exactly")
  func lossless() throws {
    let folder = try TemporaryFolder()
    var output = SumacOutput()
    try output.add("w", shape: [64, 64], floats: Self.values)
    try output.add("none", shape: [0, 7], floats: [])
    try output.add("scalar", shape: [], floats: [.pi])
    try output.write(to: folder["a.sumac"])
    let file = try SumacFile(path: folder["a.sumac"])
    #expect(file.tensors.map(\.name) == ["w", "none", "scalar"])
    #expect(try file.floats(of: "w") == Self.values)
    #expect(try file.floats(of: "none") == [])
    #expect(try file.floats(of: "scalar") == [.pi])
  }

  @Test("narrow floats and integers are read as float32")
  func widened() throws {
    let folder = try TemporaryFolder()
    var output = SumacOutput()
    try output.add("half", type: .f16, shape: [2], bytes: [0x00, 0x3C, 0x00, 0xC0])
    try output.add("brain", type: .bf16, shape: [2], bytes: [0x80, 0x3F, 0x00, 0xC0])
    try output.add("bytes", type: .i8, shape: [2], bytes: [1, 0xFE])
    try output.write(to: folder["a.sumac"])
    let file = try SumacFile(path: folder["a.sumac"])
    for name in ["half", "brain", "bytes"] {
      #expect(try file.floats(of: name) == [1, -2], "\(name)")
    }
  }

  @Test("files and strings are restored")
  func attachments() throws {
    let folder = try TemporaryFolder()
    var output = SumacOutput()
    try output.attach("config.json", bytes: Array("{}".utf8))
    try output.attach("code/model.py", bytes: [])
    output.metadata = ["a": "1", "ü": "Straße"]
    try output.write(to: folder["a.sumac"])
    let file = try SumacFile(path: folder["a.sumac"])
    #expect(Set(file.attachments) == ["config.json", "code/model.py"])
    #expect(try file.attachment("config.json") == Array("{}".utf8))
    #expect(try file.attachment("code/model.py") == [])
    #expect(file.metadata == ["a": "1", "ü": "Straße"])
  }

  @Test("the output bytes do not depend on the number of threads")
  func threads() throws {
    let folder = try TemporaryFolder()
    var random = SeededGenerator(seed: 3)
    let values = (0..<1_000_000).map { _ in Float.random(in: -1...1, using: &random) }
    var output = SumacOutput()
    try output.add("w", shape: [1000, 1000], floats: values, as: "int4")
    try output.add("v", shape: [1000, 1000], floats: values)
    for threads in [1, 3] { try output.write(to: folder["\(threads).sumac"], threads: threads) }
    #expect(try folder.bytes("1.sumac") == folder.bytes("3.sumac"))
  }
}
