import Base
import Checkpoints
import Networks
import Synchronization
import TensorCore
import TestSupport
import Testing

/// Numbers in chunks that are decoded as a whole. It counts how often each of them is.
private struct CountingSource: TensorSource {
  final class Counts: Sendable {
    private let counts: Mutex<[Int]>
    init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }
    func add(_ chunk: Int) { counts.withLock { $0[chunk] += 1 } }
    var all: [Int] { counts.withLock { $0 } }
  }

  let base: MemoryTensorSource
  let grid: ChunkGrid
  let counts: Counts

  var decodedChunks: ChunkGrid? { grid }

  func scratchByteCount(elementCount: Int) -> Int {
    base.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    grid.forEachChunk(in: elements) { chunk, _, _ in counts.add(chunk) }
    try base.read(elements, into: &values, scratch: &scratch)
  }
}

@Suite(.needsOpenBLAS) struct DecodedChunkTests {
  private let compute: Compute
  /// More than two chunks of numbers of 16 bits, in rows that do not divide a chunk.
  private let shape = [1500, 768]

  init() throws { compute = try OpenBLAS.compute(jobs: 2) }

  private func parameter(
    _ name: String
  ) throws -> (lazy: LazyParameter<Float>, counts: CountingSource.Counts) {
    let info = try TensorInfo(name: name, dtype: .bf16, shape: Shape(shape))
    // Every pair of bytes is a finite number.
    let bytes = (0..<info.byteCount).map { UInt8(truncatingIfNeeded: $0 % 2 == 0 ? $0 / 7 : 60) }
    let counts = CountingSource.Counts(info.grid.count)
    let source = CountingSource(
      base: MemoryTensorSource(info: info, values: bytes), grid: info.grid, counts: counts)
    let tensor = LazyTensor(
      info: info, source: source,
      stored: StoredForm(file: "memory", byteOffset: 0, byteCount: bytes.count, dtype: .bf16))
    return (LazyParameter(tensor, path: "m", in: compute.arena), counts)
  }

  @Test("weights that are read together are decoded once") func together() throws {
    let (first, second) = (try parameter("a"), try parameter("b"))
    let values = try compute.whole([first.lazy, second.lazy])
    #expect(first.counts.all == [1, 1, 1] && second.counts.all == [1, 1, 1])
    #expect(values[0].numbers == values[1].numbers)
    #expect(values[0].numbers == (try compute.whole(first.lazy)).numbers)
  }

  @Test("a linear layer whose weight is read tile by tile decodes it once") func tiles() throws {
    let (weight, counts) = try parameter("w")
    let x = Value<Float>([2, shape[1]], isZero: true, in: compute.arena)
    _ = try Tape<Float>(compute).apply(Linear(), [x], [weight])
    #expect(counts.all == [1, 1, 1])
  }

  @Test("an embedding decodes chunks with several tokens once, and finds the rows of all tokens")
  func embedding() throws {
    let (table, counts) = try parameter("e")
    // Many in the first chunk, none in the second one, two in the last tile.
    let ids = (0..<100).map { Int32($0 * 5 % 600) } + [1450, 1499]
    let found = try Tape<Float>(compute).apply(Embedding(ids), [], [table]).numbers
    #expect(counts.all[0] == 1 && counts.all[1] <= 1 && counts.all[2] <= 2)
    let all = try compute.whole(table).numbers
    let expected = ids.flatMap { all[Int($0) * shape[1]..<(Int($0) + 1) * shape[1]] }
    #expect(found == expected)
  }

  @Test("memory is kept for the next values, and never more than the peak") func memory() {
    let arena = compute.arena
    var kept: [Value<Float>] = []
    var largest = 0
    for step in 0..<200 {
      kept.append(Value([1 << (8 + step * 7 % 13)], in: arena))
      if step % 3 == 2 { kept.removeFirst(2) }
      #expect(arena.heldByteCount <= arena.peakByteCount)
      largest = max(largest, arena.heldByteCount - arena.byteCount)
    }
    kept = []
    #expect(largest > 0 && arena.byteCount == 0)
    let held = arena.heldByteCount
    #expect(held > 0 && held <= arena.peakByteCount)
  }

  @Test("values keep their numbers while others of all sizes come and go") func reuse() {
    let arena = compute.arena
    var generator = SeededGenerator(seed: 7)
    var kept: [(value: Value<Float>, number: Float)] = []
    for step in 0..<300 {
      let value = Value<Float>([Int.random(in: 1...200_000, using: &generator)], in: arena)
      var numbers = value.mutableSpan
      for index in numbers.indices { numbers[index] = Float(step) }
      kept.append((value, Float(step)))
      #expect(arena.heldByteCount <= arena.peakByteCount)
      guard kept.count > 12 else { continue }
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        let (old, number) = kept.remove(at: Int.random(in: kept.indices, using: &generator))
        #expect(old.numbers.allSatisfy { $0 == number })
      }
    }
  }
}
