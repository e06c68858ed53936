package import BLAS
package import Training

/// The settings of a sparse training over several tasks.
package struct SparclTrainSettings: Codable, Sendable, Equatable {
  /// Examples: `PATH`, or `PATH:NAME` for a tensor.
  package var data: String
  /// The labels, if they are not in the file of the examples.
  package var labels: String?
  /// The test data and their labels; the examples themselves for nil.
  package var test: String?
  package var testLabels: String?
  /// The classes of each task, such as `0,1/2,3`.
  package var tasks: String
  /// The number of epochs of each task.
  package var epochs: Int
  package var masks = ContinualRecipe.Masks.dynamic
  /// The share of the weights of each layer that is 0; nil for dense masks.
  package var sparsity: Double?
  package var gradientSparsity: Double?
  package var replay = ContinualRecipe.Replay.derpp
  /// The number of stored examples; 500 for nil.
  package var buffer: Int?
  /// The examples that leave and the last epoch before which they do, such as `30%:20` or `3000:20`.
  package var removal: String?
  /// Patterns of the names of the pruned layers; the convolutions and hidden layers for none.
  package var layers: [String] = []
  /// The sparsities of the periods of a task, such as `75%-76%-75%`, and the epochs at which they change.
  package var lower: String?
  package var upper: String?
  package var changes: String?
  /// The share of the weights that is replaced at once; 1 % for nil.
  package var exchange: Double?
  /// The number of epochs from one change of masks to the next; 5 for nil.
  package var maskInterval: Int?
  /// The number of steps with the same mask of gradients; 30 for nil.
  package var gradientInterval: Int?
  /// The factor of the gradient in the importance of a weight; 0.5 for nil.
  package var importanceFactor: Double?
  /// The factors of the losses of stored logits and labels; 0.1 and, for `er` 1, for `derpp` 0.5 for nil.
  package var logitWeight: Double?
  package var labelWeight: Double?
  /// True if tensors that are not pruned are trained even if they are 0 at the start.
  package var freesZeros = false
  /// The path of a recipe; its length is that of a task.
  package var recipe: String?
  package var rate: Double?
  package var batch: Int?
  package var seed: UInt64?
  /// The number that values of examples are divided by.
  package var divisor: Double?
  /// The path of the choices of another program.
  package var draws: String?
  package var kernels = KernelChoice.native

  package init(data: String, tasks: String, epochs: Int) {
    (self.data, self.tasks, self.epochs) = (data, tasks, epochs)
  }
}
