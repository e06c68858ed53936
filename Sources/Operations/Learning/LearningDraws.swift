import AdaMerging
import Base
import Checkpoints
import Examples
import TensorCore
import Training

/// Numbers of examples that a file gives for each step, task and batch.
struct LearningDraws {
  let draws: BatchDraws
  let batchSize: Int
  let batchCount: Int

  /// Reads integers of shape `[steps, tasks, batches, examples]`; steps after those of the settings are neither read nor
  /// checked.
  /// - Throws: ``UsageError`` if the shape does not fit the settings, ``FormatError`` if a number is not an example.
  init(
    _ text: String, _ settings: LearningSettings, _ tasks: [LearningTask],
    _ context: OperationContext
  ) throws {
    let tensor = try DataTensor(
      text, "integers with four dimensions", preferred: ["batch_indices", "draws"], context
    ) { DataTensor.isInteger($0.dtype) && $0.shape.dimensions.count == 4 }
    let shape = tensor.shape
    guard shape[0] >= settings.stepCount, shape[1] == tasks.count, shape[2] > 0, shape[3] > 0,
      settings.batchCount ?? shape[2] == shape[2], settings.batchSize ?? shape[3] == shape[3]
    else {
      let batches = settings.batchCount.map { "\($0)" } ?? "batches"
      let size = settings.batchSize.map { "\($0)" } ?? "examples"
      throw UsageError(
        "\(tensor.path.printable): the draws have the shape \(shape), expected [\(settings.stepCount), \(tasks.count), \(batches), \(size)]: steps, tasks, batches and examples",
        hint: "give draws for each step, or use a smaller \(setting: "steps")")
    }
    let limit = tasks.map(\.data.count).max() ?? 0
    let size = shape[2] * shape[3]
    let numbers = try tensor.indexes(
      first: settings.stepCount * tasks.count * size, below: max(1, limit), .learningData)
    for (index, number) in numbers.enumerated() {
      let task = tasks[index / size % tasks.count]
      guard Int(number) >= task.data.count else { continue }
      throw FormatError(
        .learningData,
        "element \(index) is example \(number) of task '\(task.name.printable)', which has \(task.data.count)",
        path: tensor.path, tensor: tensor.tensor.name)
    }
    draws = .given(numbers, taskCount: tasks.count, exampleCount: size)
    (batchCount, batchSize) = (shape[2], shape[3])
  }
}
