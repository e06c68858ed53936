import Base
import Checkpoints
import Operations
import TestSupport
import Testing

/// Plans that cannot be made, and plans that do not fit any more.
@Suite struct PlanFaultTests {
  private let workspace: PlanWorkspace
  private var folder: TemporaryFolder { workspace.folder }

  init() throws { workspace = try PlanWorkspace() }

  private static let refusals: [(name: String, words: String)] = [
    ("file", "is one file"), ("target", "cannot be divided"), ("mask", "cannot be divided"),
    ("random", "ranks all weights together"), ("survey", "pruned one by one"),
    ("adapter", "made by other merges"), ("size", "task-size"),
  ]

  @Test("work that cannot be divided is refused by name", arguments: refusals)
  func refused(name: String, words: String) throws {
    var convert = ConvertOperation(input: PlanWorkspace.base, output: workspace.output("out"))
    var prune = PruneOperation(input: PlanWorkspace.base, output: workspace.output("out"))
    var work = PlannedOutput(convert)
    switch name {
    case "file":
      convert.output = OutputSettings(path: folder["out.safetensors"])
      work = PlannedOutput(convert)
    case "target":
      convert.output = OutputSettings(path: folder["out.sumac"])
      convert.storage.targetByteCount = 1_000_000
      work = PlannedOutput(convert)
    case "mask":
      prune.maskOutput = folder["mask.safetensors"]
      work = PlannedOutput(prune)
    case "random":
      prune.settings.method = .random
      prune.settings.amount = 0.5
      work = PlannedOutput(prune)
    case "survey":
      prune.surveys = [folder["s.json"]]
      work = PlannedOutput(prune)
    case "adapter":
      try folder.write(Array(Self.twoMerges.utf8), to: "recipe.yaml")
      var merge = MergeOperation(models: [], output: workspace.output("out"))
      merge.settings.recipe = folder["recipe.yaml"]
      work = PlannedOutput(merge)
    default: break
    }
    var plan = PlanOperation(path: folder["plan.json"], work: .output(work))
    if name == "size" { plan.taskByteCount = 0 }
    let error = #expect(throws: (any Error).self) { try plan.run(workspace.context) }
    let message = (error as? any UserError)?.message
    #expect(message?.contains(words) == true, "\(message?.description ?? "")")
    #expect(!folder.exists("plan.json") && !folder.exists("out"))
  }

  private static var twoMerges: String {
    """
    name: first
    merge_method: linear
    models:
      - model: \(PlanWorkspace.models[0])
        parameters: {weight: 1}
      - model: \(PlanWorkspace.models[1])
        parameters: {weight: 1}
    dtype: float32
    ---
    merge_method: linear
    models:
      - model: first
        parameters: {weight: 1}
      - model: \(PlanWorkspace.base)
        parameters: {weight: 1}
    dtype: float32

    """
  }

  @Test(
    "a number out of range is an error",
    arguments: [(0, nil), (-1, nil), (99, nil), (2, "assemble")])
  func range(number: Int, stage: String?) throws {
    let plan = try workspace.plan(PlannedCase.copy.operation(workspace.output("out")))
    let error = #expect(throws: UsageError.self) {
      try workspace.run(plan, number, stage: stage)
    }
    #expect(error?.message.contains("out of range") == true)
    #expect(throws: UsageError.self) { try workspace.run(plan, 1, stage: "aply") }
    #expect(throws: UsageError.self) {
      try TaskOperation(plan: plan.path, first: 3, last: 2).run(workspace.context)
    }
  }

  @Test("an input that changed is an error", arguments: ["values", "time", "header"])
  func changed(part: String) throws {
    for name in ["model.safetensors", "config.json", "tokenizer.json"] {
      let path = PlanWorkspace.base + "/" + name
      let file = try InputFile(path: path)
      try folder.write(file.bytes(at: 0, count: file.byteCount), to: "model/" + name)
    }
    let operation = ConvertOperation(input: folder["model"], output: workspace.output("out"))
    let plan = try workspace.plan(operation)
    try workspace.run(plan, 1)
    var bytes = try folder.bytes("model/model.safetensors")
    switch part {
    case "values": bytes[bytes.count - 1] ^= 1
    case "header": bytes = bytes.dropLast(0) + [0]
    default: break
    }
    try folder.write(bytes, to: "model/model.safetensors")
    let error = #expect(throws: FormatError.self) { try workspace.run(plan, 2) }
    if part != "header" { #expect(error?.code == .planInput) }
    #expect(!folder.exists("out"))
    // A new plan is another one, whose tasks start over.
    guard part != "header" else { return }
    let again = try workspace.plan(operation, "again.json")
    #expect(again.digest != plan.digest)
    #expect(try workspace.run(again, 1) == "done")
  }

  @Test("the same command makes the same plan, in another folder too")
  func repeatable() throws {
    let operation = PlannedCase.prunePQI.operation(workspace.output("out"))
    let first = try workspace.plan(operation)
    let second = try workspace.plan(operation, "again.json")
    #expect(first.digest == second.digest)
    #expect(try folder.bytes("plan.json") == folder.bytes("again.json"))
  }

  private static let damages: [(name: String, words: String)] = [
    ("empty", "no head"), ("text", "no head"), ("cut", "bytes, expected"),
    ("schema", "is not a plan"), ("row", "row of task 2"), ("count", "bytes, expected"),
    ("members", "missing or invalid"), ("version", "was made by"),
  ]

  @Test("a damaged plan is an error", arguments: damages)
  func damaged(name: String, words: String) throws {
    _ = try workspace.plan(PlannedCase.copy.operation(workspace.output("out")))
    var text = String(decoding: try folder.bytes("plan.json"), as: UTF8.self)
    switch name {
    case "empty": text = ""
    case "text": text = "{\"schema\": 1}"
    case "cut": text.removeLast(9)
    case "schema": text = text.replacing("sumac.tasks/1", with: "sumac.tasks/9")
    case "row": text = text.replacing("\n[2,", with: "\n[3,")
    case "count": text = text.replacing("\"row_bytes\":", with: "\"row_bytes\":1")
    case "members": text = text.replacing("\"kind\":\"output\"", with: "\"kind\":\"o\"")
    default: text = text.replacing("\"sumac\":\"0", with: "\"sumac\":\"9")
    }
    try folder.write(Array(text.utf8), to: "plan.json")
    let error = #expect(throws: FormatError.self) {
      try TaskOperation(plan: folder["plan.json"], first: 2, last: 2).run(workspace.context)
    }
    #expect(error?.code == .plan)
    #expect(error?.message.contains(words) == true, "\(error?.description ?? "")")
  }
}
