import Base
import Checkpoints
import ONNX
import Safetensors
import TensorCore
import TestSupport
import Testing

/// Tests on models that the package onnx wrote and read.
@Suite struct ONNXGoldenTests {
  static let models = ["raw", "typed", "graph", "external"]

  private static func read(_ name: String) throws -> Checkpoint {
    try ONNXContainer.read(Fixtures.path("onnx/\(name).onnx"))
  }

  @Test("a model contains exactly the expected tensors", arguments: models)
  func tensors(name: String) throws {
    let checkpoint = try Self.read(name)
    let expected = try SafetensorsContainer.read(
      Fixtures.path("onnx/\(name).expected.safetensors"))
    #expect(checkpoint.tensors.count == expected.tensors.count)
    for tensor in checkpoint.tensors {
      let wanted = try #require(expected.tensors.first { $0.name.equalsAsBytes(tensor.name) })
      #expect(tensor.info.dtype == wanted.info.dtype)
      #expect(tensor.info.shape == wanted.info.shape)
      #expect(try tensor.bytes() == wanted.bytes(), "\(tensor.name)")
    }
  }

  @Test("raw and typed models contain every dtype of tensors", arguments: ["raw", "typed"])
  func dtypes(name: String) throws {
    #expect(Set(try Self.read(name).tensors.map(\.info.dtype)) == Set(DType.allCases))
  }

  @Test("any part of a tensor is read", arguments: models)
  func parts(name: String) throws {
    for tensor in try Self.read(name).tensors {
      let whole = try tensor.bytes()
      let step = tensor.info.dtype.bitsPerElement % 8 == 0 ? 1 : 4
      for start in stride(from: 0, to: tensor.info.elementCount, by: step) {
        let range = tensor.info.bytes(of: start..<tensor.info.elementCount)
        var values = ByteBuffer(byteCount: range.count)
        var room = ByteBuffer(
          byteCount: tensor.source.scratchByteCount(elementCount: tensor.info.elementCount))
        var target = values.mutableBytes
        var scratch = room.mutableBytes
        try tensor.source.read(
          start..<tensor.info.elementCount, into: &target, scratch: &scratch)
        #expect(target.bytes.array() == Array(whole[range]))
      }
    }
  }

  @Test("the fields of a model are metadata, and its graph is noted as left out")
  func metadata() throws {
    let checkpoint = try Self.read("graph")
    let wanted: [(String, MetadataValue)] = [
      ("names", .string("{0: 'cat'}")), ("onnx.doc_string", .string("A small model.")),
      ("onnx.model_version", .integer(7)), ("onnx.opset.ai.onnx", .integer(21)),
      ("onnx.opset.com.example", .integer(3)), ("onnx.producer_name", .string("sumac-fixtures")),
      ("onnx.producer_version", .string("1.2")),
    ]
    for (key, value) in wanted {
      #expect(checkpoint.metadata.first { $0.key == key }?.value == value, "\(key)")
    }
    #expect(checkpoint.metadata.contains { $0.key == "onnx.ir_version" })
    #expect(checkpoint.metadata.count == wanted.count + 1)
    #expect(checkpoint.notes.count { $0.contains("2 nodes") } == 1)
    #expect(try Self.read("raw").notes.isEmpty)
  }

  @Test("files with external data belong to the input")
  func files() throws {
    let checkpoint = try Self.read("external")
    #expect(checkpoint.files.count == 3)
    let sizes = try ["external.onnx", "external.data", "parts/third.bin"].map {
      try Fixtures.bytes("onnx/\($0)").count
    }
    #expect(checkpoint.fileByteCount == sizes.reduce(0, +))
  }

  @Test("raw data and values of fixed width are read in place")
  func inPlace() throws {
    for tensor in try Self.read("raw").tensors {
      #expect(tensor.source.fileBytes?.range.count == tensor.info.byteCount)
    }
    for tensor in try Self.read("typed").tensors {
      let isInPlace = [DType.f32, .f64, .c64].contains(tensor.info.dtype)
      #expect((tensor.source.fileBytes != nil) == isInPlace)
    }
  }

  @Test("the same catalog has the same identity, another one has another")
  func identity() throws {
    let hashes = try Self.models.map { try Self.read($0).identity.hash }
    #expect(Set(hashes).count == Self.models.count)
    #expect(try Self.read("raw").identity.hash == hashes[0])
  }
}
