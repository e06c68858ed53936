import Base
import Checkpoints
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// Tests that the data of other programs in a `.sumac` file is copied as long as it stays valid.
@Suite struct ExtensionTests {
  private let folder: TemporaryFolder
  private let original: Checkpoint

  init() throws {
    folder = try TemporaryFolder()
    let extensions = [
      PackedExtension(name: "org.example.always", isSafeToCopy: true, value: ["a": [1, .null]]),
      PackedExtension(name: "org.example.exact", isSafeToCopy: false, value: 7),
    ]
    var checkpoint = Checkpoint.inMemory([
      try .inMemory("a", .f32, [4, 8]), try .inMemory("b", .u8, [5]),
    ])
    // The extensions of a file belong to the values that were read from it.
    checkpoint = try checkpoint.written(to: folder["plain.sumac"])
    checkpoint.attributes[PackedExtensions.self] = extensions
    for place in checkpoint.tensors.indices {
      checkpoint.tensors[place].attributes[PackedExtensions.self] = extensions
    }
    original = try checkpoint.written(to: folder["first.sumac"])
  }

  /// The names in the order of CBOR keys: shorter ones first.
  private static let both = ["org.example.exact", "org.example.always"]
  private static let one = ["org.example.always"]

  private func extensions(_ attributes: Attributes) -> [PackedExtension] {
    attributes[PackedExtensions.self] ?? []
  }

  private func names(_ checkpoint: Checkpoint) -> ([String], [[String]]) {
    (
      extensions(checkpoint.attributes).map(\.name),
      checkpoint.tensors.map { extensions($0.attributes).map(\.name) }
    )
  }

  @Test("copying a file without changes keeps all extensions")
  func whole() throws {
    let copy = try original.written(to: folder["copy.sumac"])
    #expect(names(copy).0 == Self.both)
    #expect(names(copy).1 == [Self.both, Self.both])
    #expect(extensions(copy.attributes) == extensions(original.attributes))
  }

  @Test("a tensor with new values, and its file, keep only extensions that are safe to copy")
  func changed() throws {
    var changed = original
    changed.tensors[0].source = MemoryTensorSource(
      info: changed.tensors[0].info, values: [UInt8](repeating: 1, count: 128))
    let copy = try changed.written(to: folder["copy.sumac"])
    #expect(names(copy).0 == Self.one)
    #expect(names(copy).1 == [Self.one, Self.both])
  }

  @Test("removing or renaming a tensor changes the file")
  func otherTensors() throws {
    var fewer = original
    fewer.tensors.removeLast()
    #expect(names(try fewer.written(to: folder["fewer.sumac"])).0 == Self.one)
    var renamed = original
    renamed.tensors[1].info.name = "c"
    #expect(names(try renamed.written(to: folder["renamed.sumac"])).0 == Self.one)
  }
}
