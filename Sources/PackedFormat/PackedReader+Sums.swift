import Base
import Codecs
import TensorCore

/// Sums of terms. Specification, section 5.4.
extension PackedReader {
  /// The part of one term in the sums of a chunk.
  struct Addend {
    /// The first segment of the term.
    var segment: Int
    var chunk: Int
    var dtype: Kernels.SummedDType
    /// The number that multiplies the values or the product, instead of the term's own factor or scale.
    var factor: Float
    /// True if the sums have no value yet.
    var isFirst: Bool
    var room: Room
  }

  /// Computes the sums of a chunk of a tensor.
  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  func readSum(
    _ tensor: PackedTensor, _ firstSegment: Int, _ chunk: Int, _ dtype: Kernels.SummedDType,
    into sums: inout MutableRawSpan, scratch: inout MutableRawSpan, _ room: Room
  ) throws {
    var segment = firstSegment
    for (termIndex, term) in tensor.terms.enumerated() {
      let addend = Addend(
        segment: segment, chunk: chunk, dtype: dtype, factor: term.multiplier,
        isFirst: termIndex == 0, room: room)
      try add(term, tensor.info, addend, to: &sums, scratch: &scratch)
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
    term termIndex: Int, ofEntry entry: Int, chunk: Int, factor: Float, isFirst: Bool,
    to sums: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard let tensor = tensor(ofEntry: entry) else { return }
    let segment = self.segment(ofTerm: termIndex, entry: entry)
    let addend = Addend(
      segment: segment, chunk: chunk, dtype: .f32, factor: factor, isFirst: isFirst,
      room: room(entry: entry, tensor, isElsewhere: true))
    try add(tensor.terms[termIndex], tensor.info, addend, to: &sums, scratch: &scratch)
  }

  /// Replaces values of a chunk by the kept values of a lossless term of an entry.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func replace(
    term termIndex: Int, ofEntry entry: Int, chunk: Int, in values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    guard let tensor = tensor(ofEntry: entry) else { return }
    let segment = self.segment(ofTerm: termIndex, entry: entry)
    let width = tensor.info.dtype.bitsPerElement / 8
    let room = room(entry: entry, tensor, isElsewhere: true)
    try readKept(segment, chunk, room, scratch: &scratch) {
      form, positions, packed in
      guard case .mask = form else { return false }
      Kernels.best.replace(packed, width: width, mask: positions, in: &values)
      return true
    }
  }

  /// Returns the first segment of a term.
  package func segment(ofTerm termIndex: Int, entry: Int) -> Int {
    let terms = tensor(ofEntry: entry)?.terms ?? []
    return terms.prefix(termIndex).reduce(firstSegments[entry]) { $0 + $1.segmentCount }
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func add(
    _ term: PackedTerm, _ info: TensorInfo, _ addend: Addend, to sums: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    switch term.content {
    case .dense: try addDense(addend, to: &sums, scratch: &scratch)
    case .sparse(let mode, _, let codec):
      if addend.isFirst { sums.fill() }
      try addSparse(addend, mode, codec, to: &sums, scratch: &scratch)
    case .lowRank(let product):
      if addend.isFirst { sums.fill() }
      try addLowRank(product, info, addend, to: &sums, scratch: &scratch)
    case .unknown:
      if let fault = fault(ofSegment: addend.segment) { throw fault }
    }
  }

  /// Converts values in the form that the codec returns to the dtype of the sums.
  @_lifetime(target: copy target)
  private func convert(
    _ values: borrowing RawSpan, _ codec: any ValueCodec, count: Int, _ addend: Addend,
    into target: inout MutableRawSpan
  ) throws {
    let from = codec.isLossless ? segments[addend.segment].info.dtype : .f32
    try Kernels.best.convert(
      values, from: from, to: addend.dtype.dtype, elementCount: count, saturating: false,
      into: &target)
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func addDense(
    _ addend: Addend, to sums: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let (segment, chunk, dtype) = (addend.segment, addend.chunk, addend.dtype)
    let count = segments[segment].info.grid[chunk].count
    guard case .dense(let codec) = segments[segment].content else { return }
    let given = codec.isLossless ? segments[segment].info.dtype : .f32
    if addend.isFirst, given == dtype.dtype {
      try readChunk(segment: segment, chunk: chunk, into: &sums, scratch: &scratch)
      return Kernels.best.multiply(&sums, of: dtype, by: addend.factor)
    }
    try addend.room.term.withSpans(of: &scratch) { converted, rest in
      try addend.room.stored.withSpans(of: &rest) { values, _, rest in
        var values = values._mutatingExtracting(
          0..<valueByteCount(ofSegment: segment, elementCount: count))
        try readChunk(segment: segment, chunk: chunk, into: &values, scratch: &rest)
        if addend.isFirst {
          try convert(values.bytes, codec, count: count, addend, into: &sums)
          return Kernels.best.multiply(&sums, of: dtype, by: addend.factor)
        }
        var target = converted._mutatingExtracting(0..<dtype.byteCount * count)
        try convert(values.bytes, codec, count: count, addend, into: &target)
        Kernels.best.multiply(&target, of: dtype, by: addend.factor)
        Kernels.best.add(target.bytes, of: dtype, to: &sums)
      }
    }
  }

  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  private func addSparse(
    _ addend: Addend, _ mode: SparseMode, _ codec: any ValueCodec, to sums: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    let (segment, dtype) = (addend.segment, addend.dtype)
    let width = dtype.byteCount
    try addend.room.term.withSpans(of: &scratch) { converted, rest in
      try readKept(segment, addend.chunk, addend.room, scratch: &rest) { form, positions, packed in
        guard case .mask = form else { return false }
        let bits = codec.isLossless ? segments[segment].info.dtype.bitsPerElement : 32
        let count = packed.byteCount * 8 / bits
        var target = converted._mutatingExtracting(0..<width * count)
        try convert(packed, codec, count: count, addend, into: &target)
        switch mode {
        case .add:
          Kernels.best.multiply(&target, of: dtype, by: addend.factor)
          Kernels.best.add(target.bytes, of: dtype, mask: positions, to: &sums)
        case .replace:
          Kernels.best.replace(target.bytes, width: width, mask: positions, in: &sums)
        }
        return true
      }
    }
  }
}
