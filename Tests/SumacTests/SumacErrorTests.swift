import Sumac
import TestSupport
import Testing

/// Tests of the errors of the library: their kind, and the code of the specification.
@Suite struct SumacErrorTests {
  private static func file(in folder: TemporaryFolder) throws -> SumacFile {
    var output = SumacOutput()
    try output.add("w", shape: [2, 4], floats: [0, 1, 2, 3, 4, 5, 6, 7])
    try output.add("odd", type: .f4, shape: [2, 3], bytes: [1, 2, 3])
    try output.add("complex", type: .c64, shape: [1], bytes: [UInt8](repeating: 0, count: 8))
    try output.write(to: folder["a.sumac"])
    return try SumacFile(path: folder["a.sumac"])
  }

  private static func expect(
    _ kind: SumacError.Kind, code: String? = nil, saying text: String,
    _ location: SourceLocation = #_sourceLocation, body: () throws -> Void
  ) {
    let error = #expect(throws: SumacError.self, sourceLocation: location) { try body() }
    #expect(error?.kind == kind, sourceLocation: location)
    #expect(error?.code == code, sourceLocation: location)
    #expect(
      error?.description.contains(text) == true, "\(error?.description ?? "")",
      sourceLocation: location)
  }

  @Test("a missing file, and a file that is not a .sumac file")
  func opening() throws {
    let folder = try TemporaryFolder()
    Self.expect(.inputOutput, saying: "No such file") {
      _ = try SumacFile(path: folder["none.sumac"])
    }
    try folder.write(Array("something else entirely".utf8), to: "b.sumac")
    let error = #expect(throws: SumacError.self) { _ = try SumacFile(path: folder["b.sumac"]) }
    #expect(error?.kind == .badInput)
    #expect(error?.code != nil)
  }

  @Test("a damaged chunk is reported when it is read and affects no other tensor")
  func damage() throws {
    let folder = try TemporaryFolder()
    let values = (0..<70_000).map { Float($0) }
    var output = SumacOutput()
    try output.add("first", shape: [70_000], floats: values)
    try output.add("second", shape: [70_000], floats: values)
    try output.write(to: folder["a.sumac"])
    var bytes = try folder.bytes("a.sumac")
    bytes[1000] ^= 1
    try folder.write(bytes, to: "a.sumac")
    let file = try SumacFile(path: folder["a.sumac"])
    Self.expect(.badInput, code: "sumac.chunk-checksum", saying: "'first'") {
      _ = try file.floats(of: "first")
    }
    #expect(try file.floats(of: "second") == values)
  }

  @Test("names, rows and types that a file does not contain")
  func reading() throws {
    let file = try Self.file(in: try TemporaryFolder())
    Self.expect(.usage, saying: "no tensor is named 'x'") { _ = try file.bytes(of: "x") }
    Self.expect(.usage, saying: "no attachment is named 'x'") { _ = try file.attachment("x") }
    Self.expect(.usage, saying: "has 2 rows") { _ = try file.floats(of: "w", rows: 1..<3) }
    Self.expect(.usage, saying: "has 2 rows") { _ = try file.floats(of: "w", rows: -1..<1) }
    Self.expect(.usage, saying: "do not end on a byte") {
      _ = try file.bytes(of: "odd", rows: 0..<1)
    }
    Self.expect(.usage, saying: "complex") { _ = try file.floats(of: "complex") }
  }

  @Test("tensors and files that cannot be added")
  func adding() throws {
    var output = SumacOutput()
    try output.add("w", shape: [2], floats: [1, 2])
    Self.expect(.usage, saying: "is taken") { try output.add("w", shape: [1], floats: [1]) }
    Self.expect(.usage, saying: "cannot have 8 bytes") {
      try output.add("x", shape: [3], floats: [1, 2])
    }
    Self.expect(.usage, saying: "cannot have 4 bytes") {
      try output.add("x", shape: [-1], floats: [1])
    }
    Self.expect(.usage, saying: "int99") {
      try output.add("x", shape: [1, 32], floats: .init(repeating: 0, count: 32), as: "int99")
    }
    Self.expect(.usage, saying: "cannot be stored as") {
      try output.add("x", type: .u8, shape: [2, 2], bytes: [1, 2, 3, 4], as: "int4")
    }
    for name in ["../up", "/etc/passwd", ""] {
      Self.expect(.usage, saying: "plain relative path") { try output.attach(name, bytes: []) }
    }
    try output.attach("a", bytes: [])
    Self.expect(.usage, saying: "is taken") { try output.attach("a", bytes: [1]) }
    // The failed calls did not change the output.
    let folder = try TemporaryFolder()
    try output.write(to: folder["a.sumac"])
    let file = try SumacFile(path: folder["a.sumac"])
    #expect(file.tensors.map(\.name) == ["w"] && file.attachments == ["a"])
  }

  @Test("an existing output is replaced only on request, and as a whole")
  func writing() throws {
    let folder = try TemporaryFolder()
    _ = try Self.file(in: folder)
    let before = try folder.bytes("a.sumac")
    var output = SumacOutput()
    try output.add("w", shape: [1, 32], floats: .init(repeating: .nan, count: 32), as: "int4:g32")
    Self.expect(.outputExists, saying: "a.sumac") { try output.write(to: folder["a.sumac"]) }
    // Values that the type cannot represent are found while the file is written.
    let error = #expect(throws: SumacError.self) {
      try output.write(to: folder["a.sumac"], replacing: true)
    }
    #expect(error?.kind == .badInput)
    #expect(try folder.bytes("a.sumac") == before)
    #expect(try folder.names() == ["a.sumac"])
    Self.expect(.inputOutput, saying: "No such file") {
      try output.write(to: folder["none/b.sumac"])
    }
    var other = SumacOutput()
    try other.add("w", shape: [1], floats: [1])
    try other.write(to: folder["a.sumac"], replacing: true)
    #expect(try SumacFile(path: folder["a.sumac"]).floats(of: "w") == [1])
  }
}
