package import Networks

/// The means with which models run over tokens.
package struct EvaluationResources {
  package let compute: Compute
  /// The memory for everything that a run holds, in bytes.
  package let memory: Int
  /// The folder of temporary files.
  package let folder: String
  /// Called with the number of tokens that a block has processed.
  package let progress: @Sendable (_ tokenCount: Int) -> Void

  package init(
    _ compute: Compute, memory: Int, folder: String,
    progress: @escaping @Sendable (_ tokenCount: Int) -> Void = { _ in }
  ) {
    (self.compute, self.memory, self.folder) = (compute, memory, folder)
    self.progress = progress
  }
}
