import Base
import Codecs
import TensorCore

/// Reading of tensors, whose values are combined from their terms. Specification, section 5.4.
extension PackedReader {
  /// Returns the tensor of an entry; nil if the entry is an alias.
  package func tensor(ofEntry entry: Int) -> PackedTensor? {
    if case .tensor(let tensor) = index.entries[entry].content { tensor } else { nil }
  }

  /// The scratch memory for the parts of a sum, in bytes.
  struct Room {
    /// The sums themselves, if they are not computed in place.
    var sums = 0
    /// The values of one term in the form that its codec returns.
    var values = 0
    /// The values of one term in the dtype of the sums.
    var converted = 0
    var mask = 0
    /// The scratch memory for reading chunks.
    var reading = 0

    var total: Int { sums + values + converted + mask + reading }
  }

  /// - Parameter isElsewhere: True if terms are added to sums that the caller owns.
  func room(entry: Int, _ tensor: PackedTensor, isElsewhere: Bool = false) -> Room {
    let count = tensor.info.grid.largestChunk
    var room = Room()
    room.mask = Kernels.maskByteCount(elementCount: count)
    // A single dense term is read directly into the sums.
    var isLoneDense = tensor.terms.count == 1 && !isElsewhere
    var segment = firstSegments[entry]
    for term in tensor.terms {
      let count = term.segmentCount
      for own in segment..<segment + count {
        room.reading = max(room.reading, rangeScratchByteCount(segment: own))
      }
      switch term.content {
      case .lowRank(let term):
        isLoneDense = false
        room.values = max(room.values, factorByteCount(term, tensor.info))
      case .dense, .sparse:
        if case .sparse = term.content { isLoneDense = false }
        room.values = max(
          room.values,
          valueByteCount(ofSegment: segment, elementCount: tensor.info.grid.largestChunk))
      case .unknown: break
      }
      segment += count
    }
    if isElsewhere {
      room.converted = 4 * count
    } else if case .sum(let dtype) = tensor.form {
      // Rounding needs the same amount of memory again.
      room.sums = 2 * dtype.byteCount * count
      room.converted = isLoneDense ? 0 : dtype.byteCount * count
      if dtype == .f64 { room.converted = 12 * count }
    }
    return room
  }

  /// The memory for U of the rows of a chunk and V of one matrix, both as stored and as float32.
  private func factorByteCount(_ term: LowRankTerm, _ info: TensorInfo) -> Int {
    guard let matrices = LowRankTerm.Matrices(info.shape, batch: term.batch) else { return 0 }
    let rows = min(
      matrices.count * matrices.rows, info.grid.largestChunk / max(1, matrices.columns) + 2)
    return 8 * term.rank * (rows + matrices.columns)
  }

  /// The scratch memory that `readTensorChunk` needs.
  package func scratchByteCount(entry: Int) -> Int {
    tensor(ofEntry: entry).map { room(entry: entry, $0).total } ?? 0
  }

  /// The scratch memory that `add` and `replace` need for the entry's terms.
  package func termScratchByteCount(entry: Int) -> Int {
    tensor(ofEntry: entry).map { room(entry: entry, $0, isElsewhere: true).total } ?? 0
  }

  /// Writes the canonical bytes of chunk `chunk` of an entry's tensor into `values`.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func readTensorChunk(
    entry: Int, chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard let tensor = tensor(ofEntry: entry) else { return }
    let room = room(entry: entry, tensor)
    let segment = firstSegments[entry]
    switch tensor.form {
    case .bits:
      try readBits(tensor, segment, chunk, into: &values, scratch: &scratch, room)
    case .sum(let dtype):
      try scratch.split(at: room.sums) { sums, rest in
        let count = tensor.info.grid[chunk].count
        try sums.split(at: dtype.byteCount * count) { sums, spare in
          try readSum(tensor, segment, chunk, dtype, into: &sums, scratch: &rest, room)
          switch tensor.info.dtype {
          case .f32, .f64: values.copy(sums.bytes)
          default:
            Kernels.best.roundSums(
              sums.bytes, to: tensor.info.dtype, into: &values, scratch: &spare)
          }
        }
      }
    }
  }

  // MARK: Bits

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func readBits(
    _ tensor: PackedTensor, _ firstSegment: Int, _ chunk: Int, into values: inout MutableRawSpan,
    scratch: inout MutableRawSpan, _ room: Room
  ) throws {
    for (termIndex, term) in tensor.terms.enumerated() {
      // Each of these terms has one segment.
      let segment = firstSegment + termIndex
      if case .dense = term.content {
        try readChunk(segment: segment, chunk: chunk, into: &values, scratch: &scratch)
      } else {
        let width = tensor.info.dtype.bitsPerElement / 8
        try readKept(segment, chunk, room, scratch: &scratch) { form, positions, packed in
          switch form {
          case .gaps(let codec):
            guard termIndex == 0 else { return false }
            try codec.scatter(packed, width: width, gaps: positions, into: &values)
          case .mask where termIndex == 0:
            Kernels.best.scatter(packed, width: width, mask: positions, into: &values)
          case .mask: Kernels.best.replace(packed, width: width, mask: positions, in: &values)
          }
          return true
        }
      }
    }
  }

  /// The form in which the positions of kept values are passed on.
  enum PositionForm {
    case gaps(Gap8Index)
    case mask
  }

  /// Passes the positions and the values of a sparse chunk's kept values to `body`.
  ///
  /// The values have the form that the codec returns. Stored gaps are passed on first; if `body` returns
  /// false for them, and for all other indexes, the positions are passed on as a mask.
  @_lifetime(scratch: copy scratch)
  func readKept(
    _ segment: Int, _ chunk: Int, _ room: Room, scratch: inout MutableRawSpan,
    _ body: (PositionForm, borrowing RawSpan, borrowing RawSpan) throws -> Bool
  ) throws {
    let owner = segments[segment]
    let layout = owner.layout(ofChunk: chunk)
    try scratch.split(at: room.values) { packed, rest in
      try rest.split(at: room.mask) { maskRoom, rest in
        try rest.split(at: chunkByteCount(ofSegment: segment)) { buffer, rest in
          let (record, streams) = try readStreams(segment: segment, chunk: chunk, into: &buffer)
          let index = owner.indexCodec(of: record)!
          let codec = owner.valueCodec(of: record)!
          let list = ChunkLayout(dtype: owner.info.dtype, listOf: record.valueCount)
          let byteCount = codec.valueByteCount(list)
          do {
            var target = packed._mutatingExtracting(0..<byteCount)
            try codec.decode(
              buffer.bytes, streams: Array(streams[1...]), list, into: &target, scratch: &rest)
            let kept = packed.bytes.extracting(0..<byteCount)
            if let gaps = index as? Gap8Index,
              try body(.gaps(gaps), buffer.bytes.extracting(streams[0]), kept)
            {
              return
            }
            var mask = maskRoom._mutatingExtracting(
              0..<Kernels.maskByteCount(elementCount: layout.elementCount))
            try index.decode(
              buffer.bytes, streams: [streams[0]], layout, valueCount: record.valueCount,
              into: &mask)
            _ = try body(.mask, mask.bytes, packed.bytes.extracting(0..<byteCount))
          } catch let problem as CodecProblem {
            throw streamError(problem, segment, record)
          }
        }
      }
    }
  }
}
