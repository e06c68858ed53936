import Base
import Caches
import Checkpoints
import TensorCore
import TestSupport
import Testing

/// Files that are not caches, and damaged caches.
@Suite struct CacheFaultTests {
  private static func refuse(_ text: String, _ body: () throws -> Void) {
    do {
      try body()
      Issue.record("no error, expected: \(text)")
    } catch {
      #expect(said(error).contains(text))
    }
  }

  private static func tensor(_ name: String, _ dimensions: [Int]) throws -> LazyTensor {
    try .random(name, dimensions, seed: 1)
  }

  @Test(
    "layers that do not fit together",
    arguments: [
      (
        [[1, 2, 4, 8], [1, 2, 4, 8], [1, 2, 5, 8], [1, 2, 5, 8]], "layers must have the same length"
      ),
      (
        [[1, 2, 4, 8], [1, 3, 4, 8], [1, 2, 4, 8], [1, 2, 4, 8]], "but the keys of the layer are"
      ),
      ([[1, 2, 4, 8], [1, 2, 4, 8], [2, 2, 4, 8], [2, 2, 4, 8]], "a batch of 2"),
      ([[1, 2, 0, 8], [1, 2, 0, 8], [1, 2, 0, 8], [1, 2, 0, 8]], "which is empty"),
      ([[2, 4], [2, 4], [2, 4], [2, 4]], "expected [batch, kv heads, tokens, head dim]"),
    ] as [([[Int]], String)])
  func layers(shapes: [[Int]], reason: String) throws {
    let folder = try TemporaryFolder()
    let names = ["layers.0.key", "layers.0.value", "layers.1.key", "layers.1.value"]
    try ReadingTests.write(
      zip(names, shapes).map { try Self.tensor($0, $1) }, to: folder["a.safetensors"])
    Self.refuse(reason) { _ = try CacheLayouts.read([folder["a.safetensors"]], CacheHints()) }
  }

  @Test("keys that are not floats and integers that do not fit are refused")
  func numbers() throws {
    let folder = try TemporaryFolder()
    let path = folder["a.safetensors"]
    let layer = try ["layers.0.key", "layers.0.value"].map { try Self.tensor($0, [1, 1, 3, 8]) }
    func other(_ name: String, _ dtype: DType, _ bytes: [UInt8]) throws -> LazyTensor {
      let count = bytes.count * 8 / dtype.bitsPerElement
      let info = try TensorInfo(name: name, dtype: dtype, shape: Shape([count]))
      return LazyTensor(
        info: info, source: MemoryTensorSource(info: info, values: bytes),
        stored: StoredForm(file: "", byteOffset: 0, byteCount: bytes.count, dtype: dtype))
    }
    let large: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 0]
    for (tensor, reason) in [
      (try other("token_ids", .i64, large + large + large), "which does not fit in 32 bits"),
      (try other("token_ids", .f32, large + large), "expected up to 2^24 values of I32 or I64"),
      (try other("token_ids", .i32, large), "has 2 token ids for 3 tokens"),
      (try other("positions", .i32, large), "has 2 positions for 3 tokens"),
      (try other("positions", .i64, large), "which does not fit in 32 bits"),
    ] {
      try ReadingTests.write(layer + [tensor], to: path)
      Self.refuse(reason) { _ = try CacheLayouts.read([path], CacheHints()) }
    }
    let integers = try ["layers.0.key", "layers.0.value"].map {
      try KVCache.numbers($0, [1, 2, 3]).reshaped(Shape([1, 1, 3, 1]))
    }
    try ReadingTests.write(integers, to: path)
    Self.refuse("is I32, but keys and values must be floats") {
      _ = try CacheLayouts.read([path], CacheHints())
    }
    Self.refuse("2 files given") { _ = try CacheLayouts.read([path, path], CacheHints()) }
  }

  @Test(
    "files of a folder without a layer number in their names are refused",
    arguments: ["-5", "x", "9223372036854775807"])
  func names(number: String) throws {
    let folder = try TemporaryFolder()
    let source = "caches/vllm/b32-newer-bf5e62858d9574a7bcadd643c30173e2/model.layers."
    for (from, to) in [("0", "0"), ("1", number)] {
      try folder.write(
        Fixtures.bytes("\(source)\(from).self_attn.attn.safetensors"),
        to: "v/model.layers.\(to).self_attn.attn.safetensors")
    }
    Self.refuse("has no layer number in its name") {
      _ = try CacheLayouts.read([folder["v"]], CacheHints())
    }
  }

  @Test("values smaller than a byte are refused")
  func narrow() throws {
    let folder = try TemporaryFolder()
    func write(_ names: [String], _ dimensions: [Int], to path: String) throws {
      let tensors = try names.map { name in
        let info = try TensorInfo(name: name, dtype: .f4, shape: Shape(dimensions))
        return LazyTensor(
          info: info,
          source: MemoryTensorSource(
            info: info, values: [UInt8](repeating: 0, count: info.byteCount)),
          stored: StoredForm(file: "", byteOffset: 0, byteCount: info.byteCount, dtype: .f4))
      }
      try ReadingTests.write(tensors, to: path)
    }
    try write(["layers.0.key", "layers.0.value"], [1, 1, 2, 4], to: folder["a.safetensors"])
    try write(["0_keys", "0_values"], [1, 2, 3], to: folder["b.safetensors"])
    try folder.write([], to: "v/empty")
    try write(["kv_cache"], [1, 1, 2], to: folder["v/layers.0.safetensors"])
    var hints = CacheHints()
    hints.axes = .thd
    for name in ["a.safetensors", "b.safetensors", "v"] {
      Self.refuse("is F4, but keys and values must be floats of whole bytes") {
        _ = try CacheLayouts.read([folder[name]], hints)
      }
    }
  }

  @Test("a missing block between others is refused")
  func blocks() throws {
    let folder = try TemporaryFolder()
    for (blocks, isWhole) in [
      (["", ".block.1", ".block.2", ".recent"], true), (["", ".recent"], true),
      (["", ".block.2"], false), (["", ".block.1", ".block.3", ".recent"], false),
    ] {
      let names = blocks.flatMap { ["layers.0.key" + $0, "layers.0.value" + $0] }
      try ReadingTests.write(
        names.map { try Self.tensor($0, [1, 1, 2, 4]) }, to: folder["a.safetensors"])
      let read = { try CacheLayouts.read([folder["a.safetensors"]], CacheHints()) }
      if isWhole {
        #expect(try read().tokenCount == 2 * blocks.count)
      } else {
        Self.refuse("of 'layers.0.key' is missing or occurs twice") { _ = try read() }
      }
    }
  }

  @Test("half a layer and files without layers are refused")
  func missing() throws {
    let folder = try TemporaryFolder()
    for (names, reason) in [
      (["layers.0.key", "layers.0.value", "layers.1.key"], "the values of its layer are missing"),
      (["layers.0.key", "layers.0.value", "layers.1.value"], "the keys of its layer are missing"),
      (["weight"], "is not a cache in a known layout"),
    ] {
      try ReadingTests.write(
        names.map { try Self.tensor($0, [1, 2, 4, 8]) }, to: folder["a.safetensors"])
      Self.refuse(reason) { _ = try CacheLayouts.read([folder["a.safetensors"]], CacheHints()) }
    }
  }

  @Test("errors name the option for a fact that the file does not contain")
  func hints() throws {
    for (name, change, reason) in [
      ("a64-f16.seq", { $0.heads = nil }, "--kv-shape HEADSxDIM"),
      ("a64-f16.seq", { $0.heads = 3 }, "check --kv-shape"),
      ("b32-older", { $0.headDim = nil }, "--kv-shape HEADSxDIM"),
      ("b32-older", { $0.heads = 4 }, "--kv-shape 4x32"),
      ("b32-newer", { $0.heads = 4 }, "has 3 kv heads, expected 4"),
      ("b32-newer", { $0.headDim = 64 }, "has 32 values in a head, expected 64"),
      ("b32-newer", { $0.layers = 5 }, "has 2 layers, expected 5"),
      ("two-chunks", { $0.layers = nil }, "--layers N"),
      ("two-chunks", { $0.layers = 5 }, "not a multiple of"),
      ("two-chunks", { $0.heads = nil }, "--kv-shape HEADSxDIM"),
      ("a64-f16.seq", { $0.sequence = 1 << 40 }, "sequence numbers have 32 bits"),
      ("a64-f16.seq", { $0.heads = .max }, "kv heads requested, expected 1 to 65535"),
      ("two-chunks", { $0.layers = .max }, "layers requested, expected 1 to 65535"),
      ("two-chunks", { $0.headDim = -1 }, "-1 values in a head requested"),
      ("plain-f16-mlxlm0.32.2", { $0.layout = "gguf" }, "--from gguf is not a known layout"),
      ("plain-f16-mlxlm0.32.2", { $0.layout = "llamacpp" }, "is not a llama.cpp file"),
    ] as [(String, (inout CacheHints) -> Void, String)] {
      Self.refuse(reason) { _ = try CacheFixture.named(name).read(change) }
    }
  }

  @Test("a chunk that is truncated or does not match its sidecar is refused")
  func chunks() throws {
    let folder = try TemporaryFolder()
    let name =
      "vllm@tiny-B32@1@0@e71e5308f775fa58fe9ec9caa8db9ff138330354e0792abe7a1d5d106792548e.pt"
    let chunk = try Fixtures.bytes("caches/lmcache/" + name)
    let sidecar = try Fixtures.bytes("caches/lmcache/\(name).meta")
    var hints = CacheHints()
    (hints.heads, hints.headDim) = CacheFixture.b
    for (bytes, text, reason) in [
      (Array(chunk.dropLast(2)), sidecar, "not a multiple of 768"),
      (Array(chunk.dropLast(768)), sidecar, "which are 36 tokens, but its sidecar says 37"),
      (chunk, Array("[]".utf8), "is not a JSON object"),
      (chunk, Array(#"{"shape": [2, 2, 37]}"#.utf8), "expected [2, layers, tokens, values]"),
      (
        chunk, Array(#"{"shape": [2, 4294967295, 4294967295, 96]}"#.utf8),
        "expected [2, layers, tokens, values]"
      ),
      (chunk, Array(#"{"dtype": "fp8_e5m2"}"#.utf8), "expected half, bfloat16 or float"),
      (chunk, Array(#"{"dtype": "torch.half", "fmt": "KV_T2D"}"#.utf8), "expected KV_2LTD"),
      ([], sidecar, "not a multiple of"),
    ] as [([UInt8], [UInt8], String)] {
      try folder.write(bytes, to: name)
      try folder.write(text, to: name + ".meta")
      Self.refuse(reason) { _ = try CacheLayouts.read([folder[name]], hints) }
    }
  }

  @Test(
    "every prefix of a llama.cpp file is refused",
    arguments: ["a64-q8_0-rot.seq", "b32-q8_0-v2old.constructed.seq", "a64-f16-vtrans.seq"])
  func truncated(name: String) throws {
    let folder = try TemporaryFolder()
    let bytes = try Fixtures.bytes("caches/llama/" + name)
    var hints = CacheHints()
    (hints.heads, hints.headDim) = name.hasPrefix("a64") ? CacheFixture.a : CacheFixture.b
    hints.layout = "llamacpp"
    var random = SeededGenerator(seed: 5)
    let lengths =
      Array(0..<200) + (0..<60).map { _ in Int.random(in: 200..<bytes.count, using: &random) }
    for length in lengths {
      try folder.write(Array(bytes[..<length]), to: "a.seq")
      #expect(throws: (any Error).self, "\(length)") {
        _ = try CacheLayouts.read([folder["a.seq"]], hints)
      }
    }
    try folder.write(bytes + [0], to: "a.seq")
    #expect(throws: (any Error).self) { _ = try CacheLayouts.read([folder["a.seq"]], hints) }
  }

  @Test("changed headers are refused or read within the bounds of the file")
  func hostile() throws {
    let folder = try TemporaryFolder()
    let bytes = try Fixtures.bytes("caches/llama/b32-f16-gap.seq")
    var hints = CacheHints()
    (hints.heads, hints.headDim) = CacheFixture.b
    var random = SeededGenerator(seed: 6)
    var (readCount, refusedCount) = (0, 0)
    for offset in stride(from: 8, to: 700, by: 2) {
      var changed = bytes
      for index in offset..<min(offset + 4, bytes.count) {
        changed[index] = UInt8.random(in: 0...255, using: &random)
      }
      try folder.write(changed, to: "a.seq")
      do {
        _ = try CacheLayouts.read([folder["a.seq"]], hints).values()
        readCount += 1
      } catch {
        refusedCount += 1
      }
    }
    // Some bytes are positions and flags, where any value is valid; most are not.
    #expect(readCount > 0 && refusedCount > 100, "\(readCount) \(refusedCount)")
    // An unknown version is refused.
    var later = bytes
    later[4] = 4
    try folder.write(later, to: "a.seq")
    Self.refuse("version 4, expected 2 or 3") {
      _ = try CacheLayouts.read([folder["a.seq"]], hints)
    }
  }

  @Test("metadata that does not match the tensors of an mlx file is refused")
  func mlx() throws {
    let folder = try TemporaryFolder()
    for (old, new, reason) in [
      (
        #""2.0":"KVCache""#, #""2.0":"ArraysCache""#,
        "has the class ArraysCache, which is not supported"
      ),
      (
        #""2.1":"KVCache""#, #""2.1":"CacheList""#,
        "has the class CacheList, which is not supported"
      ),
    ] {
      let bytes = try Fixtures.bytes("caches/mlx/plain-f16-mlxlm0.28.3.safetensors")
      let changed = Self.replacing(old, with: new, inHeaderOf: bytes)
      #expect(changed != bytes)
      try folder.write(changed, to: "a.safetensors")
      Self.refuse(reason) { _ = try CacheLayouts.read([folder["a.safetensors"]], CacheHints()) }
    }
    for (name, old, new, reason) in [
      ("rotating-f16", "\"12\"", "\"99\"", nil),
      ("rotating-f16", "\"4\"", "\"x\"", "has no number"),
      ("quant4-bf16", "\"32\"", "\"24\"", "do not fit groups of 24"),
      ("quant4-bf16", "\"4\"", "\"3\"", "has 3 bits, expected 2, 4 or 8"),
      ("quant4-bf16", "\"19\"", "\"99\"", "but its offset is 99"),
    ] as [(String, String, String, String?)] {
      let bytes = try Fixtures.bytes("caches/mlx/\(name)-mlxlm0.28.3.safetensors")
      let changed = Self.replacing(old, with: new, inHeaderOf: bytes)
      #expect(changed != bytes, "\(name) has no \(old)")
      try folder.write(changed, to: "a.safetensors")
      let read = { _ = try CacheLayouts.read([folder["a.safetensors"]], CacheHints()) }
      if let reason { Self.refuse(reason, read) } else { try read() }
    }
  }

  /// Replaces text in the header of a safetensors file and updates the length of the header.
  private static func replacing(
    _ old: String, with new: String, inHeaderOf bytes: [UInt8]
  ) -> [UInt8] {
    let count = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
    let header = String(decoding: bytes[8..<8 + count], as: UTF8.self)
    let spaced = old.replacing(":", with: ": ")
    var text = Array(
      header.replacing(old, with: new).replacing(spaced, with: new).utf8)
    while text.count % 8 != 0 { text.append(0x20) }
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
      + bytes[(8 + count)...]
  }
}
