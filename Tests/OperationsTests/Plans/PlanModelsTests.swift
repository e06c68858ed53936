import Base
import Checkpoints
import Operations
import Reporting
import TestSupport
import Testing

/// Plans with a task for each of many models.
@Suite struct PlanModelsTests {
  private let models: BatchWorkspace
  private var folder: TemporaryFolder { models.folder }

  init() throws { models = try BatchWorkspace(models: 4) }

  private func plan(
    _ operation: any BatchableOperation = BatchWorkspace.convert, name: String? = nil
  ) throws -> PlanFile {
    var batch = models.converting()
    batch.steps = [BatchStep(operation)]
    batch.name = name
    var plan = PlanOperation(path: folder["plan.json"], work: .models(batch))
    plan.replacesExisting = true
    _ = try plan.run(models.context())
    return try PlanFile.opened(folder["plan.json"])
  }

  private func run(_ plan: PlanFile, _ first: Int, _ last: Int) throws -> [String] {
    let result = try TaskOperation(plan: plan.path, first: first, last: last).run(models.context())
    let report = try #require(result.reports.first as? TaskReport)
    return report.lines.compactMap { $0["result"]?.asString }
  }

  @Test("each task makes the output that a batch makes")
  func identity() throws {
    try models.run(models.converting("batch"))
    let plan = try plan()
    #expect(plan.plan.stages.map(\.name) == ["model"] && plan.plan.taskCount == 4)
    #expect(!folder.exists("out"))
    #expect(try plan.task(2).model?.name == "m02.sumac")
    #expect(try run(plan, 3, 4) == ["done", "done"])
    #expect(try run(plan, 1, 4) == ["done", "done", "skipped", "skipped"])
    for name in try folder.names(in: "batch") where name != BatchJournal.name {
      #expect(try folder.bytes("batch/" + name) == folder.bytes("out/" + name))
    }
  }

  @Test("a new plan keeps what is done and redoes what changed")
  func changed() throws {
    #expect(try run(plan(), 1, 4).allSatisfy { $0 == "done" })
    let old = try plan()
    try models.writeModel(2, seed: 77)
    let error = #expect(throws: FormatError.self) { try run(old, 2, 2) }
    #expect(error?.code == .planInput)
    #expect(try run(plan(), 1, 4) == ["skipped", "done", "skipped", "skipped"])
    // Other settings are other outputs, which replace what the plan wrote before.
    #expect(try run(plan(BatchWorkspace.prune), 1, 4).allSatisfy { $0 == "done" })
  }

  @Test("an output of another command is not replaced")
  func foreign() throws {
    try folder.write([1, 2, 3], to: "out/m03.sumac")
    let plan = try plan()
    #expect(throws: OutputExistsError.self) { try run(plan, 3, 3) }
    #expect(throws: OutputExistsError.self) { try run(plan, 3, 3) }
    #expect(try folder.bytes("out/m03.sumac") == [1, 2, 3])
  }

  @Test("the same task at once twice ends well twice")
  func twice() async throws {
    try models.run(models.converting("batch"))
    let plan = try plan()
    try await withThrowingTaskGroup(of: [String].self) { group in
      for _ in 0..<4 { group.addTask { try run(plan, 1, 4) } }
      for try await states in group {
        #expect(states.allSatisfy { ["done", "skipped"].contains($0) })
      }
    }
    #expect(try folder.bytes("batch/m04.sumac") == folder.bytes("out/m04.sumac"))
  }

  @Test("names that collide, and an input inside the output, end the plan")
  func places() throws {
    let error = #expect(throws: (any Error).self) { try plan(name: "same.sumac") }
    #expect((error as? any UserError)?.message.contains("output name same.sumac") == true)
    var batch = BatchOperation(
      folder: folder["models"], models: [BatchModel(path: models.model(1))],
      steps: [BatchStep(BatchWorkspace.convert)])
    batch.name = "x.sumac"
    let inside = #expect(throws: (any Error).self) {
      try PlanOperation(path: folder["plan.json"], work: .models(batch)).run(models.context())
    }
    #expect((inside as? any UserError)?.message.contains("inside") == true)
    #expect(!folder.exists("plan.json"))
  }

  @Test("tasks without a result are listed, also in groups")
  func missing() throws {
    let plan = try plan()
    _ = try run(plan, 2, 3)
    func text(group: Int) throws -> String {
      var list = TaskListOperation(plan: plan.path, stage: "model")
      list.groupSize = group
      var text = ""
      try list.run(models.context()).write(as: .text, width: nil) { text += $0 }
      return text
    }
    #expect(try text(group: 1) == "1,4\n")
    #expect(try text(group: 2) == "1-2\n")
    _ = try run(plan, 1, 4)
    #expect(try text(group: 1) == "")
  }
}
