import Base
import Checkpoints
import TensorCore

/// The stages and tasks of a plan of one output.
struct OutputStages {
  private(set) var stages: [PlanStage] = []
  private(set) var tasks: [PlanTask] = []
  private let split: SplitOutput
  private let context: OperationContext

  init(_ split: SplitOutput, _ context: OperationContext) throws {
    self.split = split
    self.context = context
    try addSurveys()
    try addOutput()
  }

  private mutating func addSurveys() throws {
    let identify = split.identifiedParts
    if !identify.isEmpty {
      let tensors = split.request.inputs.map(\.identifiedTensors)
      try add(
        .identify, after: [], split.identifyDemand,
        identify.map { part in
          Work(
            read: part.byteCount, written: 16 * (part.byteCount >> 20 + 1),
            subject: Self.subject(
              tensors[part.input][part.tensors].map(\.name),
              of: split.request.inputs[part.input].path))
        })
    }
    let roundCount = split.survey.rounds?.count ?? 0
    let resultByteCount = split.survey.rounds?.resultByteCount ?? 1 << 16
    for round in 0..<max(roundCount, identify.isEmpty ? 0 : 1) {
      var before =
        round + 1 >= roundCount && !identify.isEmpty ? [PlanStage.Work.identify.name] : []
      let previous = round > 0 ? [PlanStage.Work.combine(round: round).name] : []
      if round < roundCount {
        let work = PlanStage.Work.survey(round: round + 1)
        try add(
          work, after: previous, split.surveyDemand,
          split.surveyedParts.map { part in
            Work(
              read: part.reduce(0) { $0 + $1.byteCount }, written: resultByteCount,
              subject: Self.subject(
                part.map(\.name), kind: split.survey.rounds?.kind ?? "tensor",
                of: split.request.inputs.first?.path ?? ""))
          })
        before.append(work.name)
      }
      let counterByteCount =
        split.survey.rounds?.combinedByteCount ?? Self.counterByteCount * split.surveyedParts.count
      try add(
        .combine(round: round + 1), after: before,
        MemoryBudget.Demand(
          fixedByteCount: (16 << 20) + counterByteCount, workerByteCount: 0),
        [
          Work(
            read: resultByteCount * max(1, split.surveyedParts.count), written: resultByteCount,
            subject: "results of \(before.joined(separator: ", "))")
        ])
    }
  }

  /// The memory for the counters of a result while results are combined.
  private static let counterByteCount = 4 << 20

  private static let smallDemand = MemoryBudget.Demand(
    fixedByteCount: 16 << 20, workerByteCount: 0)

  private mutating func addOutput() throws {
    var sizes: [UTF8Key: Int] = [:]
    for input in split.request.inputs {
      for tensor in input.tensors {
        sizes[UTF8Key(tensor.name), default: 0] += tensor.info.byteCount
      }
    }
    let parts = split.writer.parts
    try add(
      .apply, after: stages.last.map { [$0.name] } ?? [], split.applyDemand,
      parts.map { part in
        Work(
          read: part.tensorNames.reduce(0) { $0 + (sizes[UTF8Key($1)] ?? 0) },
          written: part.byteCount, subject: part.file)
      })
    let plan = split.writer.plan
    let others = plan.byteCount - parts.reduce(0) { $0 + $1.byteCount }
    try add(
      .assemble, after: [PlanStage.Work.apply.name], Self.smallDemand,
      [
        Work(
          // Packed values may be longer than their file, whose end is all that is read of it.
          read: parts.reduce(0) { $0 + max(0, $1.byteCount - $1.valueByteCount) }, written: others,
          subject: split.run.settings.path)
      ])
  }

  /// The work of a task.
  private struct Work {
    var read: Int
    var written: Int
    var subject: String
  }

  private mutating func add(
    _ work: PlanStage.Work, after: [String], _ demand: MemoryBudget.Demand, _ all: [Work]
  ) throws {
    let peakByteCount = try peakByteCount(demand)
    for (index, task) in all.enumerated() {
      tasks.append(
        PlanTask(
          number: tasks.count + 1, stage: work.name, index: index + 1,
          readByteCount: task.read, writtenByteCount: task.written, subject: task.subject))
    }
    stages.append(
      PlanStage(
        work: work, taskCount: all.count, predecessors: after,
        readByteCount: all.reduce(0) { $0 + $1.read },
        writtenByteCount: all.reduce(0) { $0 + $1.written },
        memoryByteCount: peakByteCount))
  }

  /// The memory of a process before it reads a header.
  private static let processByteCount = 30 << 20

  /// Returns the peak memory of a task, which unlike that of a command does not depend on the memory of this process.
  /// - Throws: ``UsageError`` if the limit is too little for one thread.
  private func peakByteCount(_ demand: MemoryBudget.Demand) throws -> Int {
    var demand = demand
    let tensorCount = split.request.inputs.reduce(split.writer.plan.rows.count) {
      $0 + $1.tensors.count
    }
    demand.fixedByteCount +=
      CatalogUse.output.byteCount(tensorCount: tensorCount)
      + OperationContext.tensorReserveByteCount * tensorCount
    demand.workerByteCount += OperationContext.workerReserveByteCount
    _ = try context.memory.allot(demand, jobs: 1, tiles: 1, valueByteCount: 1)
    func peak(_ workers: Int) -> Int {
      Self.processByteCount + MemoryBudget.byteCount(demand, workers: workers)
    }
    var workers = max(1, context.jobs)
    while workers > 1, peak(workers) > context.memory.limit { workers -= 1 }
    return peak(workers)
  }

  /// A description of some tensors, such as `model: 12 tensors, a to b`.
  private static func subject(
    _ names: [String], kind: String = "tensor", of path: String
  ) -> String {
    guard let first = names.first, let last = names.last else { return path }
    let range = names.count == 1 ? first : "\(first) … \(last)"
    return "\(path): \(names.count.counted(kind)), \(range)"
  }
}
