import Base
import Checkpoints
import Containers
import Operations
import TestSupport
import Testing

/// Plans whose tasks write `.sumac` shards.
@Suite struct ShardedPlanTests {
  /// An operation whose output is a folder of shards, and the stages of its plan.
  enum Example: String, CaseIterable, Sendable {
    case lossless, int4, terms, sealed, target, appended, pruneGlobally, pruneLayers, tiesTogether,
      dare

    var stages: [String] {
      switch self {
      case .lossless, .int4, .terms, .sealed, .appended, .pruneLayers, .dare:
        ["identify", "combine-1", "apply", "assemble"]
      case .target: ["identify", "survey-1", "combine-1", "apply", "assemble"]
      case .pruneGlobally:
        ["identify", "survey-1", "combine-1", "survey-2", "combine-2", "apply", "assemble"]
      case .tiesTogether:
        ["identify"] + (1...3).flatMap { ["survey-\($0)", "combine-\($0)"] }
          + ["apply", "assemble"]
      }
    }

    func operation(_ output: OutputSettings, in folder: TemporaryFolder) -> any OutputOperation {
      switch self {
      case .pruneGlobally: return PlannedCase.prunePQI.operation(output)
      case .pruneLayers: return PlannedCase.pruneLayers.operation(output)
      case .tiesTogether: return PlannedCase.tiesTogether.operation(output)
      case .dare: return PlannedCase.dare.operation(output)
      case .lossless, .int4, .terms, .sealed, .target, .appended: break
      }
      var convert = ConvertOperation(input: PlanWorkspace.base, output: output)
      switch self {
      case .int4: convert.storage.type = "int4:g64"
      case .terms: convert.storage.terms = "dense:int4:g64+lowrank:4"
      case .sealed:
        convert.output.isSealed = true
        convert.output.hasContentIDs = true
      case .target: convert.storage.targetBitsPerWeight = 5
      case .appended: convert.appendTo = folder["first.sumac"]
      default: break
      }
      return convert
    }
  }

  private let workspace: PlanWorkspace
  private var folder: TemporaryFolder { workspace.folder }

  init() throws { workspace = try PlanWorkspace() }

  private func output(_ name: String) -> OutputSettings {
    var output = workspace.output(name)
    output.format = "sumac"
    return output
  }

  /// Writes a file with a tensor of another name, to which an example adds.
  private func writeFirst() throws {
    var model = try Containers.read(Fixtures.path("models/base"))
    model.tensors = [model.tensors[0]]
    model.tensors[0].info.name = "first"
    model.companions = []
    try OutputJob(
      model, to: folder["first.sumac"], container: Containers.output(forPath: "first.sumac"),
      options: WriterOptions(), replacesExisting: false
    ).run(
      jobs: 1, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
  }

  @Test(
    "tasks in any order make the shards and the index of one process", arguments: Example.allCases)
  func identity(example: Example) throws {
    try writeFirst()
    _ = try example.operation(output("single"), in: folder).run(workspace.context)
    let plan = try workspace.plan(example.operation(output("tasks"), in: folder))
    #expect(plan.plan.stages.map(\.name) == example.stages)
    let states = try workspace.runAll(plan, seed: 3)
    #expect(states.count == plan.plan.taskCount && states.allSatisfy { $0 == "done" })
    let (expected, found) = (try workspace.files("single"), try workspace.files("tasks"))
    #expect(expected.keys.count { $0.hasSuffix(".sumac") } > 1)
    #expect(expected["/model.sumac.index.json"] != nil)
    #expect(Set(found.keys) == Set(expected.keys))
    for (name, bytes) in expected { #expect(found[name] == bytes, "\(name) differs") }
    #expect(try Containers.read(folder["tasks"]).container == .sumacShards)
  }

  @Test("a target chooses the types of a single file", arguments: [true, false])
  func types(isSize: Bool) throws {
    var labels: [[String]] = []
    for (name, output) in [
      ("file.sumac", OutputSettings(path: folder["file.sumac"])), ("shards", output("shards")),
    ] {
      var convert = ConvertOperation(input: PlanWorkspace.base, output: output)
      if isSize {
        convert.storage.targetByteCount = 600_000
      } else {
        convert.storage.targetBitsPerWeight = 5
      }
      _ = try convert.run(workspace.context)
      labels.append(try Containers.read(folder[name]).tensors.map(\.stored.label))
    }
    #expect(Set(labels[0]).count > 2)
    #expect(labels[0] == labels[1])
  }

  @Test("a target size is refused when the plan is made")
  func targetSize() throws {
    var convert = ConvertOperation(input: PlanWorkspace.base, output: output("tasks"))
    convert.storage.targetByteCount = 600_000
    let error = #expect(throws: UsageError.self) { try workspace.plan(convert) }
    #expect(error?.message.contains("cannot be divided into tasks") == true)
    #expect(error?.message.contains("whole file") == true)
    #expect(!folder.exists("plan.json"))
  }

  @Test("a single .sumac file is refused, with the way to write shards")
  func singleFile() throws {
    var settings = OutputSettings(path: folder["tasks"])
    settings.format = "sumac"
    let error = #expect(throws: UsageError.self) {
      try workspace.plan(ConvertOperation(input: PlanWorkspace.base, output: settings))
    }
    #expect(error?.hint?.contains("shard") == true)
  }

  @Test("a slash at the end of the name chooses shards, also in tasks")
  func slash() throws {
    var settings = OutputSettings(path: folder["tasks/"])
    settings.format = "sumac"
    let plan = try workspace.plan(ConvertOperation(input: PlanWorkspace.base, output: settings))
    try workspace.runAll(plan)
    #expect(try Containers.read(folder["tasks"]).container == .sumacShards)
  }

  @Test(
    "the format follows from --to, the name and the size of shards",
    arguments: [
      ("sumac", "out", true, "sumac-shards"), ("sumac", "out/", false, "sumac-shards"),
      ("sumac", "out", false, "sumac"), ("sumac", "out.sumac", true, "sumac"),
      ("sumac", "-", true, "sumac"), (nil, "out", true, "directory"),
      ("safetensors", "out", true, "safetensors"), ("sumac-shards", "out", false, "sumac-shards"),
    ] as [(String?, String, Bool, String)])
  func formats(format: String?, path: String, isSharded: Bool, expected: String) throws {
    let found = try Containers.output(forPath: path, format: format, isSharded: isSharded)
    #expect(found.name.rawValue == expected)
  }

  @Test("a damaged shard is made again")
  func damaged() throws {
    _ = try Example.int4.operation(output("single"), in: folder).run(workspace.context)
    let plan = try workspace.plan(Example.int4.operation(output("tasks"), in: folder))
    for stage in plan.plan.stages.dropLast() {
      for index in 1...stage.taskCount { try workspace.run(plan, index, stage: stage.name) }
    }
    let hidden = try workspace.taskFolder("tasks") + "/output/"
    let shard = try #require(try folder.names(in: hidden).first { $0.hasSuffix(".sumac") })
    var bytes = try folder.bytes(hidden + shard)
    bytes[bytes.count / 2] ^= 1
    try folder.write(bytes, to: hidden + shard)
    #expect(try workspace.run(plan, 1, stage: "apply") == "done")
    try workspace.run(plan, 1, stage: "assemble")
    #expect(try workspace.files("tasks") == workspace.files("single"))
  }
}
