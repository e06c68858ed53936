import Base
package import TensorCore

/// A part of an operation that reads or writes values.
package enum ProgressPhase: String, Codable, Sendable {
  /// Inputs are read for the ids that the lineage records.
  case identify
  /// Values are read to decide what will be written.
  case survey
  /// Types are tried on tensors.
  case choose
  /// Values are read for a report.
  case measure
  /// Checksums and structure are checked.
  case verify
  case write
}

/// Receives progress events; may be called from any thread.
package protocol Progress: Sendable {
  /// Begins a phase; `advance` counts up to `byteCount`.
  func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int)
  func advance(byteCount: Int)
  func finish(tensor: TensorInfo)
  func end()
}

/// A receiver that ignores all progress events.
package struct NoProgress: Progress {
  package init() {}
  package func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {}
  package func advance(byteCount: Int) {}
  package func finish(tensor: TensorInfo) {}
  package func end() {}
}
