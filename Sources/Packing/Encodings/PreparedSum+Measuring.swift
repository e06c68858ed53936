import Base
import Checkpoints
import Codecs
import Crypto
import PackedFormat
import Synchronization
import TensorCore

// The distance between the sum and the values after each term.
extension PreparedSum {
  /// Records the distance of a dense term that is the only term.
  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  func measureAlone(
    _ values: borrowing RawSpan, _ streams: borrowing RawSpan, _ ranges: [Range<Int>],
    _ chunk: Int, _ sums: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let count = tiles.grid[chunk].count
    try sums.split(at: 4 * count) { sums, spare in
      try decodeDense(streams, ranges, chunk, into: &sums, scratch: &scratch)
      try tiles.withOriginal(values, chunk: chunk, scratch: &scratch) { original, _ in
        var distance = Distance()
        Kernels.best.addDistance(of: original, from: sums.bytes, to: &distance)
        let whole = try roundedDistance(original, &sums, &spare)
        distances.set([distance, whole], ofChunk: chunk)
        comparing?(tiles.grid[chunk], original, sums.bytes)
      }
    }
  }

  /// Returns the distance of the sums after they are rounded to the dtype.
  @_lifetime(sums: copy sums)
  @_lifetime(spare: copy spare)
  private func roundedDistance(
    _ values: borrowing RawSpan, _ sums: inout MutableRawSpan, _ spare: inout MutableRawSpan
  ) throws -> Distance {
    var distance = Distance()
    if info.dtype == .f16 || info.dtype == .bf16 {
      let count = sums.byteCount / 4
      try spare.split(at: 4 * count) { rounded, spare in
        var target = rounded._mutatingExtracting(0..<2 * count)
        Kernels.best.roundSums(sums.bytes, to: info.dtype, into: &target, scratch: &spare)
        try Kernels.best.convert(
          target.bytes, from: info.dtype, to: .f32, elementCount: count, saturating: false,
          into: &sums)
      }
    }
    Kernels.best.addDistance(of: values, from: sums.bytes, to: &distance)
    return distance
  }

  /// Measures all chunks before they are encoded.
  /// - Parameter wantsContentID: True to compute the hash of the values that reading will return.
  func measure(_ engine: Engine, wantsContentID: Bool) throws {
    let hash = Mutex(SHA256())
    let turnstile = Turnstile()
    try engine.forEachPiece(
      count: tiles.grid.count, workspaceByteCount: space.byteCount, onFailure: turnstile.abandon
    ) { chunk, workspace in
      try withSpans(chunk, &workspace) { values, mask, sums, streams, scratch in
        try tiles.read(chunk: chunk, into: &values, scratch: &scratch)
        if outliers != nil { markOutliers(values.bytes, chunk, &mask) }
        try measure(values.bytes, mask.bytes, chunk, &sums, &streams, scratch: &scratch)
        guard wantsContentID else { return }
        try readResult(values.bytes, mask.bytes, chunk, &sums, &streams, scratch: &scratch)
        try turnstile.pass(chunk) {
          let byteCount = info.dtype.byteCount(of: tiles.grid[chunk].count)!
          hash.withLock { $0.update(sums.bytes.extracting(0..<byteCount)) }
        }
      }
      tiles.report(chunk, to: engine)
    }
    if wantsContentID { distances.setContentID(Array(hash.withLock { $0 }.finalize())) }
  }

  /// Records the distance after each term of a chunk.
  @_lifetime(sums: copy sums)
  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  private func measure(
    _ values: borrowing RawSpan, _ mask: borrowing RawSpan, _ chunk: Int,
    _ sums: inout MutableRawSpan, _ streams: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let count = values.byteCount / 4
    try sums.split(at: 4 * count) { sums, spare in
      try readDense(
        values, mask, chunk, into: &sums, &spare, &streams, scratch: &scratch)
      try tiles.withOriginal(values, chunk: chunk, scratch: &scratch) { original, _ in
        var found: [Distance] = []
        func add(_ sums: borrowing RawSpan, _ original: borrowing RawSpan) {
          var distance = Distance()
          Kernels.best.addDistance(of: original, from: sums, to: &distance)
          found.append(distance)
        }
        if codec != nil { add(sums.bytes, original) }
        if let factors {
          factors.add(rows: rows(of: chunk), to: &sums)
          add(sums.bytes, original)
        }
        if let sparse = recipe.sparse {
          try apply(sparse.mode, values, mask, to: &sums, &spare)
          add(sums.bytes, original)
        }
        found.append(try roundedDistance(original, &sums, &spare))
        distances.set(found, ofChunk: chunk)
        comparing?(tiles.grid[chunk], original, sums.bytes)
      }
    }
  }

  /// Applies the sparse term to sums in float32.
  @_lifetime(sums: copy sums)
  @_lifetime(spare: copy spare)
  private func apply(
    _ mode: SparseMode, _ values: borrowing RawSpan, _ mask: borrowing RawSpan,
    to sums: inout MutableRawSpan, _ spare: inout MutableRawSpan
  ) throws {
    let count = values.byteCount / 4
    let keptCount = Kernels.best.count(ofMask: mask, elementCount: count)
    switch mode {
    case .replace:
      var kept = spare._mutatingExtracting(0..<4 * keptCount)
      Kernels.best.gather(values, width: 4, mask: mask, into: &kept)
      Kernels.best.replace(kept.bytes, width: 4, mask: mask, in: &sums)
    case .add:
      try spare.split(at: 4 * count) { residual, spare in
        residual.copy(sums.bytes)
        subtract(&residual, from: values)
        // The stored values are rounded to the tensor's dtype.
        if info.dtype != .f32, info.dtype != .f64 {
          var narrow = spare._mutatingExtracting(0..<2 * count)
          try Kernels.best.convert(
            residual.bytes, from: .f32, to: info.dtype, elementCount: count, saturating: true,
            into: &narrow)
          try Kernels.best.convert(
            narrow.bytes, from: info.dtype, to: .f32, elementCount: count, saturating: false,
            into: &residual)
        }
        var kept = spare._mutatingExtracting(0..<4 * keptCount)
        Kernels.best.gather(residual.bytes, width: 4, mask: mask, into: &kept)
        Kernels.best.add(kept.bytes, of: .f32, mask: mask, to: &sums)
      }
    }
  }

  /// Computes the canonical bytes that reading the tensor will return, at the start of `result`.
  @_lifetime(result: copy result)
  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  private func readResult(
    _ values: borrowing RawSpan, _ mask: borrowing RawSpan, _ chunk: Int,
    _ result: inout MutableRawSpan, _ streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    let layout = ChunkLayout(info, chunk: chunk)
    let count = layout.elementCount
    guard info.dtype == .f64 else {
      return try result.split(at: 4 * count) { sums, spare in
        try readSums(values, mask, chunk, into: &sums, &spare, &streams, scratch: &scratch)
        if let sparse = recipe.sparse { try apply(sparse.mode, values, mask, to: &sums, &spare) }
        guard info.dtype != .f32 else { return }
        spare.split(at: 4 * count) { rounded, spare in
          var target = rounded._mutatingExtracting(0..<2 * count)
          Kernels.best.roundSums(sums.bytes, to: info.dtype, into: &target, scratch: &spare)
          sums.copy(target.bytes)
        }
      }
    }
    // For F64, the dense term is widened from float32, and sparse values are the original ones.
    try result.split(at: 8 * count) { wide, spare in
      try spare.split(at: 4 * count) { sums, spare in
        try readSums(values, mask, chunk, into: &sums, &spare, &streams, scratch: &scratch)
        try Kernels.best.convert(
          sums.bytes, from: .f32, to: .f64, elementCount: count, saturating: false, into: &wide)
      }
      guard recipe.sparse != nil else { return }
      let keptCount = Kernels.best.count(ofMask: mask, elementCount: count)
      try spare.split(at: 8 * count) { original, spare in
        try tiles.tensor.source.read(layout.elements, into: &original, scratch: &scratch)
        var kept = spare._mutatingExtracting(0..<8 * keptCount)
        Kernels.best.gather(original.bytes, width: 8, mask: mask, into: &kept)
        Kernels.best.replace(kept.bytes, width: 8, mask: mask, in: &wide)
      }
    }
  }
}
