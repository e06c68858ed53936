import Base
import Checkpoints
import Synchronization
import TensorCore
import TestSupport
import Testing

/// Checksums that are gathered while values are read.
@Suite struct ChunkChecksumTests {
  /// A source that has a place in an archive, and counts the bytes that are read.
  private final class CountingSource: TensorSource {
    let base: any TensorSource
    let info: TensorInfo
    let byteOffset: Int
    private let count = Mutex(0)
    private static let archive = ObjectIdentifier(CountingSource.self)

    init(_ tensor: LazyTensor, at byteOffset: Int) {
      base = tensor.source
      info = tensor.info
      self.byteOffset = byteOffset
    }

    var byteCount: Int { count.withLock { $0 } }

    var readingPlace: ReadingPlace? {
      ReadingPlace(archive: Self.archive, stream: 0, byteOffset: byteOffset)
    }

    func scratchByteCount(elementCount: Int) -> Int { 0 }

    @_lifetime(values: copy values)
    @_lifetime(scratch: copy scratch)
    func read(
      _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
    ) throws {
      try base.read(elements, into: &values, scratch: &scratch)
      count.withLock { $0 += values.byteCount }
    }
  }

  private let plain: Checkpoint
  private let archived: Checkpoint
  private let sources: [CountingSource]
  private let engine = Engine(workers: 2, cancellation: Cancellation(), progress: NoProgress())

  init() throws {
    let tensors = [
      try LazyTensor.inMemory("a", .f32, [700, 1000], seed: 1),
      try LazyTensor.inMemory("b", .u8, [5]), try LazyTensor.inMemory("empty", .f32, [0, 4]),
      try LazyTensor.inMemory("c", .bf16, [3, 300_000], seed: 2),
    ]
    plain = .inMemory(tensors)
    // The order in the archive is not that of the catalog.
    let sources = tensors.enumerated().map { CountingSource($1, at: 100 - $0) }
    self.sources = sources
    var archived = plain
    for index in tensors.indices { archived.tensors[index].source = sources[index] }
    self.archived = archived
  }

  private var byteCount: Int { sources.reduce(0) { $0 + $1.byteCount } }

  /// Reads a range of a tensor.
  private func read(_ tensor: LazyTensor, _ elements: Range<Int>) throws {
    var buffer = ByteBuffer(byteCount: tensor.info.bytes(of: elements).count)
    var scratch = ByteBuffer(byteCount: 0)
    var values = buffer.mutableBytes
    var room = scratch.mutableBytes
    try tensor.source.read(elements, into: &values, scratch: &room)
  }

  @Test("values that were read are not read again for the id")
  func once() throws {
    let gathering = archived.gatheringChecksums()
    #expect(gathering.gathersChecksums && !archived.gathersChecksums)
    for tensor in gathering.tensors { _ = try tensor.bytes() }
    let total = byteCount
    #expect(total == 700 * 1000 * 4 + 5 + 3 * 300_000 * 2)
    #expect(
      try gathering.contentIdentity(engine: engine) == plain.contentIdentity(engine: engine))
    #expect(byteCount == total)
  }

  @Test("chunks that were read in part, or not at all, are read for the id")
  func rest() throws {
    let gathering = archived.gatheringChecksums()
    let tensor = gathering.tensors[0]
    let second = tensor.info.grid[1]
    // A whole chunk with parts of its neighbours, and a part of a chunk.
    try read(tensor, second.lowerBound - 3..<second.upperBound + 3)
    try read(tensor, 0..<10)
    let checksums = try #require(tensor.source.checksums)
    #expect(checksums[0] == nil && checksums[1] != nil && checksums[2] == nil)
    #expect(
      try gathering.contentIdentity(engine: engine) == plain.contentIdentity(engine: engine))
  }

  @Test("a checkpoint that can be read in any order gathers nothing")
  func others() {
    #expect(plain.gatheringChecksums().tensors.allSatisfy { $0.source.checksums == nil })
    var identified = archived
    identified.identity.coverage = .content
    #expect(identified.gatheringChecksums().tensors.allSatisfy { $0.source.checksums == nil })
    #expect(identified.gathersChecksums)
  }

  @Test("the reading order is that of the archive, after tensors that are in none")
  func order() {
    var tensors = archived.tensors
    tensors[1] = plain.tensors[1]
    #expect(tensors.readingOrder == [1, 3, 2, 0])
  }
}
