import Base
import Checkpoints
import SystemPackage

extension PlanMaker {
  /// Makes a plan with a task for each training of a sweep, and one for their tables.
  ///
  /// The stamp of a training is a digest of everything that shapes its result, so that a task finds what is done without
  /// the data, and refuses data or settings that changed.
  func plan(_ operation: RepeatsSweepOperation) throws -> (Plan, [PlanTask]) {
    var operation = operation
    while operation.output.count > 1, operation.output.hasSuffix("/") {
      operation.output.removeLast()
    }
    let (sweep, sizes) = try operation.checked(context)
    let members = sweep.recipe.members
    let byteCount = try FileSystem.targetIfPresent(operation.recipe).map { Int($0.size) } ?? 0
    var tasks = try members.enumerated().map { index, member in
      PlanTask(
        number: index + 1, stage: PlanStage.Work.member.name, index: index + 1,
        readByteCount: byteCount, writtenByteCount: 0, subject: member.name,
        model: PlanTask.Model(name: member.name, stamp: try sweep.digest(of: member)))
    }
    let table = PlanStage.Work.table
    tasks.append(
      PlanTask(
        number: tasks.count + 1, stage: table.name, index: 1, readByteCount: byteCount,
        writtenByteCount: 0, subject: "tables of \(members.count.counted("training"))"))
    var plan = try plan(
      .sweep, verb: RepeatsSweepOperation.verb, operation, output: operation.output)
    plan.stages = [
      PlanStage(
        work: .member, taskCount: members.count, readByteCount: byteCount * members.count,
        memoryByteCount: sizes.map(\.plan.byteCount).max() ?? 0),
      PlanStage(
        work: table, taskCount: 1, predecessors: [PlanStage.Work.member.name],
        readByteCount: byteCount, memoryByteCount: context.memory.limit),
    ]
    return (plan, tasks)
  }
}
