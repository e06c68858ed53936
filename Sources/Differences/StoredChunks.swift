import Base
import Checkpoints
import Codecs
import PackedFormat
import Packing
import TensorCore

extension LazyTensor {
  /// Returns true if the values equal those of `other`, bit for bit, as checksums alone show: by the content ids that both
  /// containers record, or because all stored chunks of two `.sumac` files have the same codecs, lengths and checksums.
  func equalsByChecksum(_ other: LazyTensor) -> Bool {
    guard info.dtype == other.info.dtype, info.shape == other.info.shape else { return false }
    if let id = record.contentID, let otherID = other.record.contentID { return id == otherID }
    return hasStoredChunks(of: other)
  }

  private func hasStoredChunks(of other: LazyTensor) -> Bool {
    guard let mine = packedOrigin, let theirs = other.packedOrigin, let tensor = mine.tensor,
      let otherTensor = theirs.tensor, tensor.terms.count == otherTensor.terms.count,
      mine.segments.count == theirs.segments.count,
      zip(tensor.terms, otherTensor.terms).allSatisfy({ $0.isStored(as: $1) })
    else { return false }
    return zip(mine.segments, theirs.segments).allSatisfy { segment, otherSegment in
      let count = mine.reader.chunkCount(ofSegment: segment)
      guard count == theirs.reader.chunkCount(ofSegment: otherSegment) else { return false }
      return (0..<count).allSatisfy { chunk in
        var record = theirs.reader.record(segment: otherSegment, chunk: chunk)
        let own = mine.reader.record(segment: segment, chunk: chunk)
        record.byteOffset = own.byteOffset
        return record == own
      }
    }
  }
}

extension PackedTerm {
  /// Returns true if both terms have the same kind, codecs with the same parameters, and factor.
  fileprivate func isStored(as other: PackedTerm) -> Bool {
    func equal(_ left: any ValueCodec, _ right: any ValueCodec) -> Bool {
      left.id == right.id && left.parameters == right.parameters
    }
    guard factor == other.factor else { return false }
    switch (content, other.content) {
    case (.dense(let left), .dense(let right)): return equal(left, right)
    case (.sparse(let mode, let index, let left), .sparse(let otherMode, let otherIndex, let right)):
      return mode == otherMode && index.id == otherIndex.id
        && index.parameters == otherIndex.parameters && equal(left, right)
    case (.lowRank(let left), .lowRank(let right)):
      return zip([left.u, left.v], [right.u, right.v]).allSatisfy {
        $0.dtype == $1.dtype && $0.shape == $1.shape && equal($0.codec, $1.codec)
      }
    case (.dense, _), (.sparse, _), (.lowRank, _), (.unknown, _): return false
    }
  }
}
