import Base
import Checkpoints
import Containers
import Operations
import TensorCore
import TestSupport
import Testing

/// Plans of one output.
@Suite struct PlanOutputTests {
  private let workspace: PlanWorkspace
  private var folder: TemporaryFolder { workspace.folder }

  init() throws { workspace = try PlanWorkspace() }

  @Test("tasks in any order make the bytes of one process", arguments: PlannedCase.allCases)
  func identity(example: PlannedCase) throws {
    let single = example.operation(workspace.output("single"))
    _ = try single.run(workspace.context)
    let plan = try workspace.plan(example.operation(workspace.output("tasks")))
    #expect(plan.plan.stages.map(\.name) == example.stages)
    let states = try workspace.runAll(plan, seed: 7)
    #expect(states.count == plan.plan.taskCount && states.allSatisfy { $0 == "done" })
    let (expected, found) = (try workspace.files("single"), try workspace.files("tasks"))
    #expect(expected.count > 8)
    #expect(Set(found.keys) == Set(expected.keys))
    for (name, bytes) in expected {
      #expect(found[name] == bytes, "\(name) differs")
    }
  }

  @Test("stages divide the work, and none is empty")
  func stages() throws {
    let plan = try workspace.plan(
      PlannedCase.prunePQI.operation(workspace.output("tasks"))
    ).plan
    let counts = Dictionary(
      uniqueKeysWithValues: plan.stages.map { ($0.name, $0.taskCount) })
    #expect(plan.stages.allSatisfy { $0.taskCount > 0 && $0.memoryByteCount > 0 })
    #expect((counts["apply"] ?? 0) > 4 && (counts["survey-1"] ?? 0) > 4)
    #expect(counts["combine-2"] == 1 && counts["assemble"] == 1)
    let apply = try #require(plan.stages.first { $0.name == "apply" })
    #expect(apply.predecessors == ["combine-2"])
    let read = try Containers.read(PlanWorkspace.base)
    #expect(apply.readByteCount == read.tensors.reduce(0) { $0 + $1.info.byteCount })
    let last = try #require(plan.stages.first { $0.name == "combine-2" })
    #expect(Set(last.predecessors) == ["identify", "survey-2"])
  }

  @Test("tasks that are done are skipped, before and after the output is assembled")
  func skipped() throws {
    let plan = try workspace.plan(PlannedCase.prunePQI.operation(workspace.output("tasks")))
    try workspace.runAll(plan)
    let before = try FileIdentity.ifPresent(folder["tasks"])
    #expect(try workspace.runAll(plan).allSatisfy { $0 == "skipped" })
    #expect(try FileIdentity.ifPresent(folder["tasks"]) == before)
    // Only the record of the output is left.
    #expect(try folder.names(in: workspace.taskFolder("tasks")) == ["assembled-1.json"])

    let other = try workspace.plan(
      PlannedCase.prunePQI.operation(workspace.output("again")), "again.json")
    let stages = other.plan.stages.dropLast()
    for expected in ["done", "skipped"] {
      for stage in stages {
        for index in 1...stage.taskCount {
          #expect(try workspace.run(other, index, stage: stage.name) == expected)
        }
      }
    }
  }

  @Test("a damaged weights file or receipt is made again", arguments: [true, false])
  func damaged(isReceipt: Bool) throws {
    let example = PlannedCase.cast
    _ = try example.operation(workspace.output("single")).run(workspace.context)
    let plan = try workspace.plan(example.operation(workspace.output("tasks")))
    for stage in plan.plan.stages.dropLast() {
      for index in 1...stage.taskCount { try workspace.run(plan, index, stage: stage.name) }
    }
    let hidden = try workspace.taskFolder("tasks")
    let weights = try folder.names(in: hidden + "/output").filter { $0.hasSuffix(".safetensors") }
    let name = isReceipt ? hidden + "/apply-2.json" : hidden + "/output/" + weights[1]
    var bytes = try folder.bytes(name)
    bytes[bytes.count / 2] ^= 1
    try folder.write(bytes, to: name)
    #expect(try workspace.run(plan, 1, stage: "apply") == "skipped")
    #expect(try workspace.run(plan, 2, stage: "apply") == "done")
    try workspace.run(plan, 1, stage: "assemble")
    #expect(try workspace.files("tasks") == workspace.files("single"))
  }

  @Test("a weights file that lost its end is reported before the output is assembled")
  func truncated() throws {
    let plan = try workspace.plan(PlannedCase.copy.operation(workspace.output("tasks")))
    for stage in plan.plan.stages.dropLast() {
      for index in 1...stage.taskCount { try workspace.run(plan, index, stage: stage.name) }
    }
    let name = try workspace.taskFolder("tasks") + "/output/model-00003-of-00007.safetensors"
    let weights = try folder.names(in: workspace.taskFolder("tasks") + "/output")
    let victim =
      weights.contains("model-00003-of-00007.safetensors")
      ? name : try workspace.taskFolder("tasks") + "/output/" + weights[2]
    try folder.write(try folder.bytes(victim).dropLast(8), to: victim)
    let error = #expect(throws: FormatError.self) {
      try workspace.run(plan, 1, stage: "assemble")
    }
    #expect(error?.code == .plan && error?.hint?.contains("--stage apply 3") != nil)
    #expect(!folder.exists("tasks"))
    #expect(try workspace.run(plan, 3, stage: "apply") == "done")
    #expect(try workspace.run(plan, 1, stage: "assemble") == "done")
  }

  @Test("a task needs the results of the stages before it, and names those that are missing")
  func early() throws {
    let plan = try workspace.plan(PlannedCase.prunePQI.operation(workspace.output("tasks")))
    try workspace.run(plan, 2, stage: "survey-1")
    for (stage, missing) in [
      ("combine-1", "survey-1"), ("survey-2", "combine-1"), ("apply", "combine-2"),
      ("assemble", "combine-2"),
    ] {
      let error = #expect(throws: UsageError.self) { try workspace.run(plan, 1, stage: stage) }
      #expect(error?.message.contains(missing) == true, "\(error?.description ?? "")")
    }
    #expect(!folder.exists("tasks"))
  }

  @Test("the same task at once twice ends well twice", arguments: ["apply", "assemble"])
  func twice(stage: String) async throws {
    let example = PlannedCase.cast
    _ = try example.operation(workspace.output("single")).run(workspace.context)
    let plan = try workspace.plan(example.operation(workspace.output("tasks")))
    for before in plan.plan.stages where before.name != stage && before.name != "assemble" {
      for index in 1...before.taskCount { try workspace.run(plan, index, stage: before.name) }
    }
    let count = try plan.numbers(ofStage: stage).count
    try await withThrowingTaskGroup(of: String.self) { group in
      for index in 1...count {
        for _ in 0..<3 {
          group.addTask { [workspace] in try workspace.run(plan, index, stage: stage) }
        }
      }
      for try await state in group { #expect(["done", "skipped"].contains(state)) }
    }
    if stage != "assemble" { try workspace.run(plan, 1, stage: "assemble") }
    #expect(try workspace.files("tasks") == workspace.files("single"))
    #expect(try folder.names(in: workspace.taskFolder("tasks")) == ["assembled-1.json"])
  }

  @Test("an existing output is replaced only if the plan says so")
  func existing() throws {
    try folder.write([1], to: "tasks/model.safetensors")
    #expect(throws: OutputExistsError.self) {
      try workspace.plan(PlannedCase.copy.operation(workspace.output("tasks")))
    }
    #expect(!folder.exists("plan.json"))
    var output = workspace.output("tasks")
    output.replacesExisting = true
    let plan = try workspace.plan(PlannedCase.copy.operation(output))
    try workspace.runAll(plan)
    _ = try PlannedCase.copy.operation(workspace.output("single")).run(workspace.context)
    #expect(try workspace.files("tasks") == workspace.files("single"))

    // An output of another command that appeared meanwhile stays.
    let other = try workspace.plan(
      PlannedCase.copy.operation(workspace.output("other")), "other.json")
    try folder.write([1], to: "other/model.safetensors")
    #expect(throws: OutputExistsError.self) { try workspace.runAll(other) }
    #expect(try folder.bytes("other/model.safetensors") == [1])
  }
}
