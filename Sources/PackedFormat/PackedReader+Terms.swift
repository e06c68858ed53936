import Codecs
import TensorCore

/// Values of tensors: what their terms make together. Specification, section 5.4.
extension PackedReader {
  /// The tensor of an entry; nil if the entry is an alias.
  package func tensor(ofEntry entry: Int) -> PackedTensor? {
    if case .tensor(let tensor) = index.entries[entry].content { tensor } else { nil }
  }

  /// Memory for the parts of a sum.
  private struct Room {
    /// The sums themselves, where they are not made in place.
    var sums = 0
    /// Values of one term, as its codec gives them.
    var values = 0
    /// The same in the dtype of the sums.
    var converted = 0
    var mask = 0
    /// What reading chunks takes.
    var reading = 0

    var total: Int { sums + values + converted + mask + reading }
  }

  private func room(entry: Int, _ tensor: PackedTensor) -> Room {
    let count = tensor.info.grid.largestChunk
    var room = Room()
    room.mask = Kernels.maskByteCount(elementCount: count)
    // A dense term that is the only one is read to where the sums are.
    var isLoneDense = tensor.terms.count == 1
    var segment = firstSegments[entry]
    for term in tensor.terms {
      let count =
        switch term.content {
        case .lowRank: 2
        case .dense, .sparse, .unknown: 1
        }
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
    if case .sum(let dtype) = tensor.form {
      // Rounding needs the same room once more.
      room.sums = 2 * dtype.byteCount * count
      room.converted = isLoneDense ? 0 : dtype.byteCount * count
      if dtype == .f64 { room.converted = 12 * count }
    }
    return room
  }

  /// U for the rows of a chunk and V of one matrix, as stored and as float32.
  private func factorByteCount(_ term: LowRankTerm, _ info: TensorInfo) -> Int {
    guard let matrices = LowRankTerm.Matrices(info.shape, batch: term.batch) else { return 0 }
    let rows = min(
      matrices.count * matrices.rows, info.grid.largestChunk / max(1, matrices.columns) + 2)
    return 8 * term.rank * (rows + matrices.columns)
  }

  /// Scratch memory for `readTensorChunk`.
  package func scratchByteCount(entry: Int) -> Int {
    tensor(ofEntry: entry).map { room(entry: entry, $0).total } ?? 0
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

  /// How the places of kept values are lent.
  private enum PlaceForm {
    case gaps(Gap8Index)
    case mask
  }

  /// Lends the places of a sparse chunk's kept values and the values as the codec gives them: as
  /// gaps, where these are the stored form, or, if `body` returns false to that, as a mask.
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
      let isFirst = place == 0
      switch term.content {
      case .dense:
        try addDense(
          segment, chunk, dtype, isFirst: isFirst, to: &sums, scratch: &scratch, room)
        segment += 1
      case .sparse(let mode, _, let codec):
        if isFirst { sums.fill() }
        try addSparse(
          segment, chunk, dtype, mode, codec, to: &sums, scratch: &scratch, room)
        segment += 1
      case .lowRank(let term):
        if isFirst { sums.fill() }
        try addLowRank(
          term, tensor.info, segment, chunk, dtype, to: &sums, scratch: &scratch, room)
        segment += 2
      case .unknown:
        if let fault = fault(ofSegment: segment) { throw fault }
      }
    }
  }

  /// Values as the codec gives them in the dtype of the sums.
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
    _ segment: Int, _ chunk: Int, _ dtype: Kernels.SummedDType, isFirst: Bool,
    to sums: inout MutableRawSpan, scratch: inout MutableRawSpan, _ room: Room
  ) throws {
    let count = segments[segment].info.grid[chunk].count
    guard case .dense(let codec) = segments[segment].content else { return }
    let given = codec.isLossless ? segments[segment].info.dtype : .f32
    if isFirst, given == dtype.dtype {
      return try readChunk(segment: segment, chunk: chunk, into: &sums, scratch: &scratch)
    }
    try scratch.split(at: room.values) { values, rest in
      var target = values._mutatingExtracting(
        0..<valueByteCount(ofSegment: segment, elementCount: count))
      try readChunk(segment: segment, chunk: chunk, into: &target, scratch: &rest)
      if isFirst {
        return try convert(
          target.bytes, segment, codec, count: count, to: dtype, into: &sums)
      }
      try rest.split(at: dtype.byteCount * count) { converted, _ in
        try convert(
          target.bytes, segment, codec, count: count, to: dtype, into: &converted)
        Kernels.best.add(converted.bytes, of: dtype, to: &sums)
      }
    }
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func addSparse(
    _ segment: Int, _ chunk: Int, _ dtype: Kernels.SummedDType, _ mode: SparseMode,
    _ codec: any ValueCodec, to sums: inout MutableRawSpan, scratch: inout MutableRawSpan,
    _ room: Room
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
        case .add: Kernels.best.add(target.bytes, of: dtype, mask: places, to: &sums)
        case .replace:
          Kernels.best.replace(target.bytes, width: width, mask: places, in: &sums)
        }
        return true
      }
    }
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func addLowRank(
    _ term: LowRankTerm, _ info: TensorInfo, _ segment: Int, _ chunk: Int,
    _ dtype: Kernels.SummedDType, to sums: inout MutableRawSpan,
    scratch: inout MutableRawSpan, _ room: Room
  ) throws {
    guard let matrices = LowRankTerm.Matrices(info.shape, batch: term.batch) else { return }
    let elements = info.grid[chunk]
    switch dtype {
    case .f32:
      try scratch.split(at: room.values) { factors, rest in
        try addProducts(
          term, matrices, elements, segment, to: &sums, factors: &factors, scratch: &rest)
      }
    case .f64:
      // Products are made in float32 and then added in float64.
      try scratch.split(at: room.converted) { converted, rest in
        try converted.split(at: 4 * elements.count) { narrow, wide in
          narrow.fill()
          try rest.split(at: room.values) { factors, rest in
            try addProducts(
              term, matrices, elements, segment, to: &narrow, factors: &factors, scratch: &rest)
          }
          var target = wide._mutatingExtracting(0..<8 * elements.count)
          try Kernels.best.convert(
            narrow.bytes, from: .f32, to: .f64, elementCount: elements.count, saturating: false,
            into: &target)
          Kernels.best.add(target.bytes, of: .f64, to: &sums)
        }
      }
    }
  }

  /// Adds scale · U · V for flat elements of the tensor, matrix by matrix.
  @_lifetime(sums: copy sums)
  @_lifetime(factors: copy factors)
  @_lifetime(scratch: copy scratch)
  private func addProducts(
    _ term: LowRankTerm, _ matrices: LowRankTerm.Matrices, _ elements: Range<Int>, _ segment: Int,
    to sums: inout MutableRawSpan, factors: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let (rank, columns) = (term.rank, matrices.columns)
    let size = matrices.rows * columns
    let vByteCount = 4 * rank * columns
    var start = elements.lowerBound
    while start < elements.upperBound {
      let matrix = start / size
      let end = min(elements.upperBound, (matrix + 1) * size)
      let rows = start / columns..<(end - 1) / columns + 1
      try factors.split(at: vByteCount) { v, rest in
        try rest.split(at: 4 * rank * rows.count) { u, stored in
          try readFactor(
            segment, term.u, rows.lowerBound * rank..<rows.upperBound * rank, into: &u,
            stored: &stored, scratch: &scratch)
          try readFactor(
            segment + 1, term.v, matrix * rank * columns..<(matrix + 1) * rank * columns,
            into: &v, stored: &stored, scratch: &scratch)
          for piece in Self.pieces(of: start..<end, columns: columns) {
            let first = piece.elements.lowerBound
            var target = sums._mutatingExtracting(
              4 * (first - elements.lowerBound)..<4
                * (piece.elements.upperBound - elements.lowerBound))
            let row = first / columns - rows.lowerBound
            Kernels.best.addLowRank(
              u: u.bytes.extracting(4 * rank * row..<u.byteCount),
              v: v.bytes.extracting(4 * (first % columns)..<v.byteCount), stride: columns,
              rows: piece.rowCount, columns: piece.elements.count / piece.rowCount, rank: rank,
              scale: term.scale, to: &target)
          }
        }
      }
      start = end
    }
  }

  /// A range of a matrix as the end of a row, whole rows, and the start of a row.
  private static func pieces(
    of elements: Range<Int>, columns: Int
  ) -> [(elements: Range<Int>, rowCount: Int)] {
    var pieces: [(elements: Range<Int>, rowCount: Int)] = []
    var start = elements.lowerBound
    while start < elements.upperBound {
      let left = elements.upperBound - start
      if start % columns == 0, left >= columns {
        let rows = left / columns
        pieces.append((start..<start + rows * columns, rows))
      } else {
        pieces.append((start..<start + min(left, columns - start % columns), 1))
      }
      start = pieces[pieces.count - 1].elements.upperBound
    }
    return pieces
  }

  /// A range of a factor as float32.
  @_lifetime(values: copy values)
  @_lifetime(stored: copy stored)
  @_lifetime(scratch: copy scratch)
  private func readFactor(
    _ segment: Int, _ factor: LowRankTerm.Factor, _ elements: Range<Int>,
    into values: inout MutableRawSpan, stored: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    if !factor.codec.isLossless || factor.dtype == .f32 {
      return try readValues(
        segment: segment, elements, into: &values, scratch: &scratch)
    }
    var target = stored._mutatingExtracting(
      0..<elements.count * factor.dtype.bitsPerElement / 8)
    try readValues(segment: segment, elements, into: &target, scratch: &scratch)
    try Kernels.best.convert(
      target.bytes, from: factor.dtype, to: .f32, elementCount: elements.count, saturating: false,
      into: &values)
  }
}
