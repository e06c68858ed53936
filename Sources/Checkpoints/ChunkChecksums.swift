import Base
import Synchronization
import TensorCore

/// The XXH64 of the chunks of a tensor, as far as they have been read.
package final class ChunkChecksums: Sendable {
  private let values: Mutex<[UInt64?]>

  init(count: Int) { values = Mutex(Array(repeating: nil, count: count)) }

  /// The checksum of a chunk; nil if the chunk has not been read as a whole.
  package subscript(chunk: Int) -> UInt64? {
    get { values.withLock { $0[chunk] } }
  }

  /// All checksums; nil if some are missing.
  var all: [UInt64]? {
    values.withLock { values in
      let known = values.compactMap(\.self)
      return known.count == values.count ? known : nil
    }
  }

  func record(_ checksum: UInt64, ofChunk chunk: Int) {
    values.withLock { $0[chunk] = checksum }
  }
}

/// A source that gathers the checksums of the chunks that are read from another one, so that an id of the content needs no
/// pass of its own.
private struct ChecksummingSource: TensorSource {
  let base: any TensorSource
  let info: TensorInfo
  private let gathered: ChunkChecksums

  init(_ tensor: LazyTensor) {
    base = tensor.source
    info = tensor.info
    gathered = ChunkChecksums(count: tensor.info.grid.count)
  }

  var fileBytes: FileBytes? { base.fileBytes }
  var readingPlace: ReadingPlace? { base.readingPlace }
  var decodedChunks: ChunkGrid? { base.decodedChunks }
  var record: StoredRecord { base.record }
  var origin: Attributes { base.origin }
  var loss: LossRecorder? { base.loss }
  var unrounded: LazyTensor? { base.unrounded }
  var checksums: ChunkChecksums? { gathered }

  func scratchByteCount(elementCount: Int) -> Int {
    base.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try base.read(elements, into: &values, scratch: &scratch)
    let start = info.bytes(of: elements).lowerBound
    info.grid.forEachChunk(in: elements) { chunk, whole, wanted in
      guard wanted == whole, gathered[chunk] == nil else { return }
      let bytes = info.bytes(of: whole)
      gathered.record(
        Kernels.xxh64(
          values.bytes.extracting(bytes.lowerBound - start..<bytes.upperBound - start)),
        ofChunk: chunk)
    }
  }
}

extension Checkpoint {
  /// Returns the checkpoint with sources that gather checksums, if its values are those of a compressed archive and have
  /// no id yet: reading them again would decode the archive again.
  package func gatheringChecksums() -> Checkpoint {
    func isArchived(_ tensor: LazyTensor) -> Bool {
      tensor.aliasOf == nil && tensor.source.readingPlace != nil
    }
    guard identity.coverage == .headers, valueTensors == nil,
      tensors.contains(where: isArchived) || companions.contains(where: isArchived)
    else { return self }
    var result = self
    func gather(_ tensors: inout [LazyTensor]) {
      for index in tensors.indices where tensors[index].aliasOf == nil {
        tensors[index].source = ChecksummingSource(tensors[index])
      }
    }
    gather(&result.tensors)
    gather(&result.companions)
    return result
  }

  /// True if checksums of all values without an id are gathered while they are read.
  package var gathersChecksums: Bool {
    identity.coverage != .headers || identifiedTensors.allSatisfy { $0.source.checksums != nil }
  }
}

extension [LazyTensor] {
  /// The indexes of the tensors in the order in which they are fast to read: those of a compressed archive in the order of
  /// their values, after all others.
  package var readingOrder: [Int] {
    let places = indices.map { ($0, self[$0].source.readingPlace) }
    let others = places.filter { $0.1 == nil }.map(\.0)
    let archived = places.compactMap { index, place in place.map { (index, $0) } }
    return others + archived.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map(\.0)
  }
}
