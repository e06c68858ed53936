import Base
import Codecs
import TensorCore

/// Reading of tensors, whose values are combined from their terms. Specification, section 5.4.
extension PackedReader {
  /// Returns the tensor of an entry; nil if the entry is an alias.
  package func tensor(ofEntry entry: Int) -> PackedTensor? {
    if case .tensor(let tensor) = index.entries[entry].content { tensor } else { nil }
  }

  /// The sizes of the scratch memory for the parts of a sum, in bytes.
  struct Room {
    /// The sums themselves, if they are not computed in place, and as much memory to round them.
    fileprivate var sums = 0
    /// The values of one term in the dtype of the sums.
    fileprivate var converted = 0
    /// The values of one term in the form that its codec returns.
    fileprivate var values = 0
    fileprivate var mask = 0
    /// The scratch memory for reading chunks.
    fileprivate var reading = 0

    /// The layout of the memory for a sum: sums, and the memory for a term.
    var sum: WorkspaceLayout { WorkspaceLayout(sums, scratch: term.byteCount) }
    /// The layout of the memory to add a term: its converted values, and the memory to read them.
    var term: WorkspaceLayout { WorkspaceLayout(converted, scratch: stored.byteCount) }
    /// The layout of the memory to read a term: its values as the codec returns them, the mask of a sparse term,
    /// and scratch memory.
    var stored: WorkspaceLayout { WorkspaceLayout(values, mask, scratch: reading) }
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
        room.values = max(room.values, factorLayout(term, tensor.info).byteCount)
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

  /// The scratch memory that `readTensorChunk` needs.
  package func scratchByteCount(entry: Int) -> Int {
    tensor(ofEntry: entry).map { room(entry: entry, $0).sum.byteCount } ?? 0
  }

  /// The scratch memory that `add` and `replace` need for the entry's terms.
  package func termScratchByteCount(entry: Int) -> Int {
    tensor(ofEntry: entry).map { room(entry: entry, $0, isElsewhere: true).term.byteCount } ?? 0
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
      try room.sum.withSpans(of: &scratch) { sums, rest in
        let byteCount = dtype.byteCount * tensor.info.grid[chunk].count
        let halves = WorkspaceLayout(byteCount, scratch: byteCount)
        try halves.withSpans(of: &sums) { sums, spare in
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
          case .stream(let codec, let count):
            guard termIndex == 0 else { return false }
            return try codec.scatter(
              packed, width: width, at: positions, valueCount: count, into: &values)
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
    /// The stream of an index codec, with the number of positions.
    case stream(any IndexCodec, Int)
    case mask
  }

  /// Passes the positions and the values of a sparse chunk's kept values to `body`.
  ///
  /// The values have the form that the codec returns. The stream of the index is passed on first; if `body`
  /// returns false for it, the positions are passed on as a mask.
  @_lifetime(scratch: copy scratch)
  func readKept(
    _ segment: Int, _ chunk: Int, _ room: Room, scratch: inout MutableRawSpan,
    _ body: (PositionForm, borrowing RawSpan, borrowing RawSpan) throws -> Bool
  ) throws {
    let owner = segments[segment]
    let layout = owner.layout(ofChunk: chunk)
    try room.stored.withSpans(of: &scratch) { packed, maskRoom, rest in
      try chunkLayout(ofSegment: segment).withSpans(of: &rest) { buffer, rest in
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
          let positions = buffer.bytes.extracting(streams[0])
          if try body(.stream(index, record.valueCount), positions, kept) { return }
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
