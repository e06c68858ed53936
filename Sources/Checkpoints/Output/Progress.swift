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
  /// A network runs over tokens.
  case evaluate
  /// A network is trained; its steps count like bytes.
  case train
  /// All models of a batch together.
  case batch
}

/// Receives progress events; may be called from any thread.
package protocol Progress: Sendable {
  /// Begins a phase; `advance` counts up to `byteCount`.
  func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int)
  func advance(byteCount: Int)
  func finish(tensor: TensorInfo)
  /// Called when the work on a model of a batch is complete; does nothing by default.
  /// - Parameter result: The word for the result, such as `done` or `failed`.
  func finish(model: String, result: String)
  func end()
}

extension Progress {
  package func finish(model: String, result: String) {}
}

/// A receiver that ignores all progress events.
package struct NoProgress: Progress {
  package init() {}
  package func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {}
  package func advance(byteCount: Int) {}
  package func finish(tensor: TensorInfo) {}
  package func end() {}
}

/// Passes progress on, except that companion files do not count as tensors.
package struct TensorProgress: Progress {
  private let base: any Progress
  private let companions: Set<UTF8Key>

  package init(_ base: any Progress, companions: [String]) {
    self.base = base
    self.companions = Set(companions.map(UTF8Key.init))
  }

  package func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {
    base.begin(phase, tensors: tensors, byteCount: byteCount)
  }
  package func advance(byteCount: Int) { base.advance(byteCount: byteCount) }
  package func finish(tensor: TensorInfo) {
    if !companions.contains(UTF8Key(tensor.name)) { base.finish(tensor: tensor) }
  }
  package func end() { base.end() }
}
