import Base
import Checkpoints
import Containers
import Operations
import TestSupport
import Testing

/// Outputs that are compared with their inputs after they were written.
@Suite(.needsOpenBLAS) struct OutputEvaluationTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private struct Silent: OperationObserver {
    var progress: any Progress { NoProgress() }
    func report(_ notice: OperationNotice) {}
  }

  private var context: OperationContext {
    OperationContext(
      jobs: 2, memory: MemoryBudget(limit: 2 << 30), temporaryFolder: folder.path,
      observer: Silent())
  }

  private var text: EvaluationSettings {
    var text = EvaluationSettings(
      data: [Fixtures.path("models/text/tokens.safetensors") + ":heldout_prose"])
    text.tokenLimit = 500
    return text
  }

  private func model(_ name: String) -> String { Fixtures.path("models/" + name) }

  private func converted(_ name: String) -> ConvertOperation {
    var operation = ConvertOperation(
      input: model("base"), output: OutputSettings(path: folder[name]))
    operation.storage.type = "int4:g32"
    return operation
  }

  @Test("the figures are those of eval, and the bytes those without an evaluation")
  func figures() throws {
    var operation = converted("a.sumac")
    _ = try operation.run(context)
    operation.output.path = folder["b.sumac"]
    operation.evaluation = text
    let written = try #require(try operation.run(context).written)
    #expect(try folder.bytes("a.sumac") == folder.bytes("b.sumac"))
    var eval = EvalOperation(model: folder["b.sumac"], settings: text)
    eval.against = model("base")
    let report = try #require(try eval.run(context).reports.first)
    let comparison = try #require(report.members["comparison"])
    #expect(written.members["evaluation"]?["comparison"] == comparison)
    #expect((comparison["divergence"]?["value"]?.asDouble ?? 0) > 0)
  }

  @Test("a pruned model reports its divergence from the input in JSON")
  func pruned() throws {
    var operation = PruneOperation(
      input: model("base"), output: OutputSettings(path: folder["p.sumac"]))
    operation.evaluation = text
    let report = try #require(try operation.run(context).reports.first)
    #expect(report.members["evaluation"]?["against"]?.asString == model("base"))
  }

  @Test("a merge is compared with its base")
  func merged() throws {
    var operation = MergeOperation(
      models: [model("poetry"), model("tech")], output: OutputSettings(path: folder["m"]))
    operation.settings.method = "task_arithmetic"
    operation.settings.base = model("base")
    operation.evaluation = text
    let written = try #require(try operation.run(context).written)
    #expect(written.members["evaluation"]?["against"]?.asString == model("base"))
  }

  @Test(
    "what prevents the evaluation is reported before the work",
    arguments: ["nothing.txt", "text.txt"])
  func refused(data: String) throws {
    try folder.write(Array("hello".utf8), to: "text.txt")
    // A file of weights alone has no configuration beside it.
    try folder.write(Fixtures.bytes("models/base/model.safetensors"), to: "alone.safetensors")
    var operation = ConvertOperation(
      input: folder["alone.safetensors"], output: OutputSettings(path: folder["x.sumac"]))
    operation.evaluation = EvaluationSettings(data: [folder[data]])
    #expect(throws: (any UserError).self) { try operation.run(context) }
    #expect(throws: (any UserError).self) { try operation.plan(context) }
    #expect(!folder.exists("x.sumac"))
  }

  @Test("an output on standard output cannot be evaluated")
  func standardOutput() throws {
    var operation = converted("-")
    operation.output.path = "-"
    operation.output.format = "sumac"
    operation.evaluation = text
    #expect(throws: (any UserError).self) { try operation.plan(context) }
  }

  @Test("a batch has the divergence of each model")
  func batch() throws {
    var operation = converted("")
    operation.evaluation = text
    let batch = BatchOperation(
      folder: folder["out"], models: [BatchModel(path: model("base"))],
      steps: [BatchStep(operation)])
    for state in ["done", "skipped"] {
      let report = try #require(try batch.run(context).reports.first)
      let line = try #require(report.lines.first)
      #expect(line["result"]?.asString == state)
      #expect((line["divergence"]?.asDouble ?? 0) > 0)
      #expect(report.records.columns.last?.title == "divergence")
    }
  }
}
