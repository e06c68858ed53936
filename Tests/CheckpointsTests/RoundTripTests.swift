import Base
import Checkpoints
import Codecs
import Containers
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

@Suite struct RoundTripTests {
  /// Tensors of every dtype, with empty and scalar shapes, and shapes that are divided into rows or blocks.
  static func checkpoint() throws -> Checkpoint {
    var tensors: [LazyTensor] = []
    for dtype in DType.allCases {
      for dimensions in [[], [0], [8], [4, 12], [2, 0, 3], [2, 2, 4]]
      where dtype.byteCount(of: dimensions.reduce(1, *)) != nil {
        tensors.append(
          try .inMemory(
            "\(dtype.name).\(dimensions)", dtype, dimensions, seed: UInt64(dtype.rawValue)))
      }
    }
    tensors.append(try .inMemory("rows", .f32, [1500, 300]))
    tensors.append(try .inMemory("blocks", .bf16, [2, 1_100_000]))
    tensors.append(try .inMemory("nibbles", .f4, [60_002, 3]))
    tensors.append(
      try .inMemory("zeros", .f32, [700_000], values: [UInt8](repeating: 0, count: 2_800_000)))
    tensors.append(try .inMemory("caf\u{E9}", .u8, [1]))
    tensors.append(try .inMemory("cafe\u{301}", .u8, [2]))
    tensors.append(try .inMemory("\0\n", .u8, [3]))
    return .inMemory(
      tensors, metadata: [Checkpoint.Metadatum(key: "format", value: "pt")],
      companions: [
        try .inMemory("config.json", .u8, [12]), try .inMemory("sub/notes.txt", .u8, [3_000_000]),
        try .inMemory("empty", .u8, [0]),
      ])
  }

  @Test(
    ".sumac files restore every bit in the order of the catalog", arguments: Compression.allCases)
  func sumac(compression: Compression) throws {
    let folder = try TemporaryFolder()
    let original = try Self.checkpoint()
    let read = try original.written(
      to: folder["x.sumac"], options: WriterOptions(compression: compression))
    #expect(try read.contents() == original.contents())
    #expect(read.metadata == original.metadata)
    #expect(read.companions.map(\.name) == original.companions.map(\.name))
    #expect(
      try read.companions.map { try $0.bytes() } == original.companions.map { try $0.bytes() })
  }

  @Test(
    "safetensors files and model folders restore every bit",
    arguments: ["x.safetensors", "x", "sharded"])
  func others(name: String) throws {
    let folder = try TemporaryFolder()
    let original = try Self.checkpoint()
    let read = try original.written(
      to: folder[name],
      options: WriterOptions(shardByteCount: name == "sharded" ? 1_000_000 : nil))
    #expect(try Set(read.contents()) == Set(original.contents()))
    #expect(read.metadata == original.metadata)
    if name == "sharded" {
      let files = try folder.names(in: "sharded")
      #expect(files.contains("model.safetensors.index.json"))
      #expect(files.count { $0.hasSuffix(".safetensors") } > 3)
    }
    if name != "x.safetensors" {
      #expect(read.companions.map(\.name).sorted() == original.companions.map(\.name).sorted())
    }
  }

  @Test("raw segments are contiguous in the file, and large ones aligned to pages")
  func mapped() throws {
    let folder = try TemporaryFolder()
    let tensor = try LazyTensor.inMemory("w", .f32, [1024, 1024])
    _ = try Checkpoint.inMemory([try .inMemory("s", .u8, [3]), tensor]).written(
      to: folder["x.sumac"], options: WriterOptions(compression: Compression.none))
    let bytes = try folder.bytes("x.sumac")
    let read = try Containers.read(folder["x.sumac"])
    let stored = read.tensors[1].stored
    #expect(stored.byteOffset % 4096 == 0)
    #expect(
      Array(bytes[stored.byteOffset..<stored.byteOffset + stored.byteCount]) == (try tensor.bytes())
    )
  }

  @Test("reading any range of elements equals reading the whole tensor", arguments: 0..<40)
  func ranges(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let folder = try TemporaryFolder()
    let original = try LazyTensor.inMemory("w", .bf16, [3, 500_000], seed: UInt64(seed))
    let read = try Checkpoint.inMemory([original]).written(to: folder["x.sumac"]).tensors[0]
    let whole = try original.bytes()
    for _ in 0..<10 {
      let start = Int.random(in: 0...1_500_000, using: &random)
      let end = min(1_500_000, start + Int.random(in: 0...200_000, using: &random))
      var values = ByteBuffer(byteCount: 2 * (end - start))
      var scratch = ByteBuffer(byteCount: read.source.scratchByteCount(elementCount: end - start))
      var span = values.mutableBytes
      var room = scratch.mutableBytes
      try read.source.read(start..<end, into: &span, scratch: &room)
      let found = values.bytes.array()
      #expect(found == Array(whole[2 * start..<2 * end]))
    }
  }

  @Test(
    "the output bytes do not depend on the number of workers",
    arguments: ["x.sumac", "x.safetensors"])
  func workers(name: String) throws {
    let original = try Self.checkpoint()
    let files = try [1, 2, 7].map { workers -> [UInt8] in
      let folder = try TemporaryFolder()
      _ = try original.written(to: folder[name], workers: workers)
      return try folder.bytes(name)
    }
    #expect(files[0] == files[1] && files[0] == files[2])
  }

  @Test("aliases stay aliases in .sumac files; other formats write them in full or leave them out")
  func aliases() throws {
    let folder = try TemporaryFolder()
    var alias = try LazyTensor.inMemory("a.tied", .f32, [4, 4])
    let owner = try LazyTensor.inMemory("z.owner", .f32, [4, 4])
    alias.source = owner.source
    alias.aliasOf = "z.owner"
    let original = Checkpoint.inMemory([owner, alias])
    let packed = try original.written(to: folder["x.sumac"])
    #expect(packed.tensors.map(\.aliasOf) == [nil, "z.owner"])
    #expect(packed.parameterCount == 16)
    #expect(try packed.contents() == original.contents())
    let full = try packed.written(to: folder["x.safetensors"])
    #expect(Set(full.tensors.map(\.name)) == ["a.tied", "z.owner"])
    let dropped = try packed.written(
      to: folder["y.safetensors"], options: WriterOptions(keepsAliases: false))
    #expect(dropped.tensors.map(\.name) == ["z.owner"])
  }
}
