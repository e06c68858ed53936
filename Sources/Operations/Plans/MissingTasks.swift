import Base
import Checkpoints

/// The tasks of a plan that have no result, as receipts tell without reading the files.
struct MissingTasks {
  private let file: PlanFile
  private let folder: TaskFolder
  private let isAssembled: Bool

  init(_ file: PlanFile) throws {
    self.file = file
    folder = TaskFolder(output: file.plan.output, digest: file.digest)
    isAssembled = try file.plan.kind == .output && folder.isAssembled()
  }

  /// Returns the numbers of the tasks of a stage that have no result.
  func numbers(of stage: PlanStage) throws -> [Int] {
    guard !isAssembled else { return [] }
    switch file.plan.kind {
    case .output: break
    case .models: return try numbersOfModels(stage)
    case .sweep: return try SweepTasks.missing(file, stage)
    }
    return try (1..<stage.taskCount + 1).filter { index in
      guard let receipt = try folder.receipt(stage.name, index) else { return true }
      return try folder.missingFile([receipt]) != nil
    }
  }

  private func numbersOfModels(_ stage: PlanStage) throws -> [Int] {
    guard let operation = try file.operation() as? any BatchableOperation else {
      throw file.fault("its operation does not apply to each of many models")
    }
    let receipts = try ModelReceipts(file, operation)
    let first = try file.numbers(ofStage: stage.name).lowerBound
    return try (1..<stage.taskCount + 1).filter { index in
      guard let model = try file.task(first + index - 1).model else { return true }
      return try !receipts.hasResult(model)
    }
  }
}
