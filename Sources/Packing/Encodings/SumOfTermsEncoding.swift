package import PackedFormat

/// A part of a sum of terms that has chunks of its own in the file.
package enum SumPart: Sendable {
  case dense
  /// The left factor of the low-rank term.
  case u
  /// The right factor of the low-rank term.
  case v
  case sparse
}

/// A prepared tensor whose segments are those of a dense, a low-rank and a sparse term.
package protocol SumOfTermsEncoding: PreparedEncoding {
  var encoder: ChunkEncoder { get }
  /// The part of each segment, in the order of the file.
  var parts: [SumPart] { get }
  /// The factors in half precision; empty without a low-rank term.
  var halfFactors: (u: [UInt8], v: [UInt8]) { get }

  @_lifetime(workspace: copy workspace)
  func encodeDense(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void) throws

  @_lifetime(workspace: copy workspace)
  func encodeSparse(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void) throws
}

extension SumOfTermsEncoding {
  @_lifetime(workspace: copy workspace)
  package func encode(
    segment: Int, chunk: Int, workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
  ) throws {
    switch parts[segment] {
    case .dense: try encodeDense(chunk, &workspace, body)
    case .u:
      try encoder.encodeFactor(
        halfFactors.u, segments[segment].layout(ofChunk: chunk), scratch: &workspace, body)
    case .v:
      try encoder.encodeFactor(
        halfFactors.v, segments[segment].layout(ofChunk: chunk), scratch: &workspace, body)
    case .sparse: try encodeSparse(chunk, &workspace, body)
    }
  }
}
