import Base
import Checkpoints
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// What other programs keep in a `.sumac` file is copied as long as it stays true.
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
    // Those of a file that was read stay with values that were read.
    checkpoint = try checkpoint.written(to: folder["plain.sumac"])
    checkpoint.attributes[PackedExtensions.self] = extensions
    for place in checkpoint.tensors.indices {
      checkpoint.tensors[place].attributes[PackedExtensions.self] = extensions
    }
    original = try checkpoint.written(to: folder["first.sumac"])
  }

  /// In the order of their keys: the shorter first.
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

  @Test("all of them go along with a file that is copied whole")
  func whole() throws {
    let copy = try original.written(to: folder["copy.sumac"])
    #expect(names(copy).0 == Self.both)
    #expect(names(copy).1 == [Self.both, Self.both])
    #expect(extensions(copy.attributes) == extensions(original.attributes))
  }

  @Test("a tensor with new values keeps only what is safe to copy, and so does the file")
  func changed() throws {
    var changed = original
    changed.tensors[0].source = MemoryTensorSource(
      info: changed.tensors[0].info, values: [UInt8](repeating: 1, count: 128))
    let copy = try changed.written(to: folder["copy.sumac"])
    #expect(names(copy).0 == Self.one)
    #expect(names(copy).1 == [Self.one, Self.both])
  }

  @Test("a file with a tensor less, or with another name, is not the same file")
  func otherTensors() throws {
    var fewer = original
    fewer.tensors.removeLast()
    #expect(names(try fewer.written(to: folder["fewer.sumac"])).0 == Self.one)
    var renamed = original
    renamed.tensors[1].info.name = "c"
    #expect(names(try renamed.written(to: folder["renamed.sumac"])).0 == Self.one)
  }
}
