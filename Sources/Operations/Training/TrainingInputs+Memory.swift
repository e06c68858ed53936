import BLAS
import Base
import Checkpoints
import Examples
import Training

extension TrainingInputs {
  /// Creates the inputs of a training of all weights, whose start and data are in memory and are used in their order.
  /// - Parameters:
  ///   - start: The first weights, with a config.json.
  ///   - command: Everything that shapes the result, for the run folder.
  /// - Throws: ``FormatError`` if config.json is missing or not valid.
  init(
    _ start: Checkpoint, _ recipe: TrainingRecipe, _ data: any TrainingData,
    test: any TrainingData, command: JSONObject, kernels: KernelChoice
  ) throws {
    checkpoint = start
    configuration = try ModelFiles(checkpoint: start, path: start.path).configuration()
    self.recipe = recipe
    self.data = data
    self.test = test
    order = .asStored
    (masks, maskFile) = ([:], nil)
    part = .weights
    fit = nil
    self.command = command
    self.kernels = kernels
  }
}
