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
  private func room(entry: Int, _ tensor: PackedTensor, isElsewhere: Bool = false) -> Room {
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
    for (place, term) in tensor.terms.enumerated() {
      // Each of these terms has one segment.
      let segment = firstSegment + place
      if case .dense = term.content {
        try readChunk(segment: segment, chunk: chunk, into: &values, scratch: &scratch)
      } else {
        let width = tensor.info.dtype.bitsPerElement / 8
        try readKept(segment, chunk, room, scratch: &scratch) { form, places, packed in
          switch form {
          case .gaps(let codec):
            guard place == 0 else { return false }
            try codec.scatter(packed, width: width, gaps: places, into: &values)
          case .mask where place == 0:
            Kernels.best.scatter(packed, width: width, mask: places, into: &values)
          case .mask: Kernels.best.replace(packed, width: width, mask: places, in: &values)
          }
          return true
        }
      }
    }
  }

  /// The form in which the positions of kept values are passed on.
  private enum PlaceForm {
    case gaps(Gap8Index)
    case mask
  }

  /// Passes the positions and the values of a sparse chunk's kept values to `body`.
  ///
  /// The values have the form that the codec returns. Stored gaps are passed on first; if `body` returns
  /// false for them, and for all other indexes, the positions are passed on as a mask.
  @_lifetime(scratch: copy scratch)
  private func readKept(
    _ segment: Int, _ chunk: Int, _ room: Room, scratch: inout MutableRawSpan,
    _ body: (PlaceForm, borrowing RawSpan, borrowing RawSpan) throws -> Bool
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

  // MARK: Sums

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func readSum(
    _ tensor: PackedTensor, _ firstSegment: Int, _ chunk: Int, _ dtype: Kernels.SummedDType,
    into sums: inout MutableRawSpan, scratch: inout MutableRawSpan, _ room: Room
  ) throws {
    var segment = firstSegment
    for (place, term) in tensor.terms.enumerated() {
      try add(
        term, tensor.info, segment, chunk, dtype, factor: term.multiplier, isFirst: place == 0,
        to: &sums, scratch: &scratch, room)
      segment += term.segmentCount
    }
  }

  /// Adds a term of an entry to the float32 sums of a chunk, or replaces sums by its values.
  ///
  /// Needs the scratch memory of `termScratchByteCount`.
  /// - Parameter factor: The number that multiplies the values or the product, instead of the term's own
  ///   factor or scale.
  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  package func add(
    term place: Int, ofEntry entry: Int, chunk: Int, factor: Float, isFirst: Bool,
    to sums: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard let tensor = tensor(ofEntry: entry) else { return }
    let segment = self.segment(ofTerm: place, entry: entry)
    try add(
      tensor.terms[place], tensor.info, segment, chunk, .f32, factor: factor, isFirst: isFirst,
      to: &sums, scratch: &scratch, room(entry: entry, tensor, isElsewhere: true))
  }

  /// Replaces values of a chunk by the kept values of a lossless term of an entry.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func replace(
    term place: Int, ofEntry entry: Int, chunk: Int, in values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    guard let tensor = tensor(ofEntry: entry) else { return }
    let segment = self.segment(ofTerm: place, entry: entry)
    let width = tensor.info.dtype.bitsPerElement / 8
    let room = room(entry: entry, tensor, isElsewhere: true)
    try readKept(segment, chunk, room, scratch: &scratch) {
      form, places, packed in
      guard case .mask = form else { return false }
      Kernels.best.replace(packed, width: width, mask: places, in: &values)
      return true
    }
  }

  /// Returns the first segment of a term.
  package func segment(ofTerm place: Int, entry: Int) -> Int {
    let terms = tensor(ofEntry: entry)?.terms ?? []
    return terms.prefix(place).reduce(firstSegments[entry]) { $0 + $1.segmentCount }
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func add(
    _ term: PackedTerm, _ info: TensorInfo, _ segment: Int, _ chunk: Int,
    _ dtype: Kernels.SummedDType, factor: Float, isFirst: Bool,
    to sums: inout MutableRawSpan, scratch: inout MutableRawSpan, _ room: Room
  ) throws {
    switch term.content {
    case .dense:
      try addDense(
        segment, chunk, dtype, factor: factor, isFirst: isFirst, to: &sums, scratch: &scratch,
        room)
    case .sparse(let mode, _, let codec):
      if isFirst { sums.fill() }
      try addSparse(
        segment, chunk, dtype, mode, codec, factor: factor, to: &sums, scratch: &scratch, room)
    case .lowRank(let product):
      if isFirst { sums.fill() }
      var product = product
      product.scale = factor
      try addLowRank(product, info, segment, chunk, dtype, to: &sums, scratch: &scratch, room)
    case .unknown:
      if let fault = fault(ofSegment: segment) { throw fault }
    }
  }

  /// Converts values in the form that the codec returns to the dtype of the sums.
  @_lifetime(target: copy target)
  private func convert(
    _ values: borrowing RawSpan, _ segment: Int, _ codec: any ValueCodec, count: Int,
    to dtype: Kernels.SummedDType, into target: inout MutableRawSpan
  ) throws {
    let from = codec.isLossless ? segments[segment].info.dtype : .f32
    try Kernels.best.convert(
      values, from: from, to: dtype.dtype, elementCount: count, saturating: false, into: &target)
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func addDense(
    _ segment: Int, _ chunk: Int, _ dtype: Kernels.SummedDType, factor: Float, isFirst: Bool,
    to sums: inout MutableRawSpan, scratch: inout MutableRawSpan, _ room: Room
  ) throws {
    let count = segments[segment].info.grid[chunk].count
    guard case .dense(let codec) = segments[segment].content else { return }
    let given = codec.isLossless ? segments[segment].info.dtype : .f32
    if isFirst, given == dtype.dtype {
      try readChunk(segment: segment, chunk: chunk, into: &sums, scratch: &scratch)
      return Kernels.best.multiply(&sums, of: dtype, by: factor)
    }
    try scratch.split(at: room.values) { values, rest in
      var target = values._mutatingExtracting(
        0..<valueByteCount(ofSegment: segment, elementCount: count))
      try readChunk(segment: segment, chunk: chunk, into: &target, scratch: &rest)
      if isFirst {
        try convert(target.bytes, segment, codec, count: count, to: dtype, into: &sums)
        return Kernels.best.multiply(&sums, of: dtype, by: factor)
      }
      try rest.split(at: dtype.byteCount * count) { converted, _ in
        try convert(
          target.bytes, segment, codec, count: count, to: dtype, into: &converted)
        Kernels.best.multiply(&converted, of: dtype, by: factor)
        Kernels.best.add(converted.bytes, of: dtype, to: &sums)
      }
    }
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func addSparse(
    _ segment: Int, _ chunk: Int, _ dtype: Kernels.SummedDType, _ mode: SparseMode,
    _ codec: any ValueCodec, factor: Float, to sums: inout MutableRawSpan,
    scratch: inout MutableRawSpan, _ room: Room
  ) throws {
    let width = dtype.byteCount
    try scratch.split(at: room.converted) { converted, rest in
      try readKept(segment, chunk, room, scratch: &rest) { form, places, packed in
        guard case .mask = form else { return false }
        let bits = codec.isLossless ? segments[segment].info.dtype.bitsPerElement : 32
        let count = packed.byteCount * 8 / bits
        var target = converted._mutatingExtracting(0..<width * count)
        try convert(packed, segment, codec, count: count, to: dtype, into: &target)
        switch mode {
        case .add:
          Kernels.best.multiply(&target, of: dtype, by: factor)
          Kernels.best.add(target.bytes, of: dtype, mask: places, to: &sums)
        case .replace:
          Kernels.best.replace(target.bytes, width: width, mask: places, in: &sums)
        }
        return true
      }
    }
  }
}
