import Base
import Checkpoints
import Operations
import Reporting
import TestSupport
import Testing

/// Batches that run to their end.
@Suite struct BatchRunTests {
  @Test("twelve model folders become twelve files, with the bytes of single conversions")
  func twelve() throws {
    let workspace = try BatchWorkspace()
    let report = try workspace.run(workspace.converting())
    #expect(report.states == Array(repeating: .done, count: 12) && report.status == .done)
    let outputs = try workspace.outputs()
    #expect(outputs.keys.sorted() == (1...12).map { BatchWorkspace.name($0) + ".sumac" })
    for index in [1, 7, 12] {
      var single = BatchWorkspace.convert
      single.bind(input: workspace.model(index), output: workspace.folder["single.sumac"])
      single.replacesExisting = true
      _ = try single.run(workspace.context())
      #expect(
        try workspace.folder.bytes("single.sumac")
          == outputs[BatchWorkspace.name(index) + ".sumac"])
    }
  }

  @Test("outputs do not depend on the number of threads")
  func threads() throws {
    let workspace = try BatchWorkspace()
    for (output, jobs) in [("one", 1), ("two", 2), ("five", 5)] {
      try workspace.run(workspace.converting(output), jobs: jobs)
    }
    let one = try workspace.outputs("one")
    #expect(one.count == 12)
    #expect(try one == workspace.outputs("two") && one == workspace.outputs("five"))
  }

  @Test("a model that fails does not stop the others")
  func failure() throws {
    let workspace = try BatchWorkspace(models: 3)
    try workspace.folder.write([1, 2, 3], to: "models/m02/model.safetensors")
    let recorder = BatchRecorder()
    let report = try workspace.run(workspace.converting(), recorder)
    #expect(report.states == [.done, .failed, .done])
    #expect(report.status == .partOfBatchFailed)
    #expect(recorder.failures.count == 1 && recorder.failures[0].contains("m02"))
    #expect(try workspace.outputs().count == 2)
  }

  @Test("a path that does not exist is an error of this model, and the others are done")
  func missing() throws {
    let workspace = try BatchWorkspace(models: 2)
    var batch = workspace.converting()
    let paths = [workspace.model(1), workspace.folder["nope"], workspace.model(2)]
    batch.models = (paths + [workspace.folder["nope"]]).map { BatchModel(path: $0) }
    let recorder = BatchRecorder()
    let report = try workspace.run(batch, recorder)
    #expect(report.states == [.done, .failed, .done])
    #expect(report.status == .partOfBatchFailed)
    #expect(recorder.failures.count == 1 && recorder.failures[0].contains("nope"))
    #expect(try workspace.outputs().count == 2)
    batch.models = [BatchModel(path: workspace.folder["nope"])]
    batch.folder = workspace.folder["other"]
    #expect {
      try workspace.run(batch)
    } throws: {
      $0 is any UserError
    }
    #expect(!workspace.folder.exists("other"))
  }

  @Test(
    "with a stop at the first failure, an error that headers show ends the batch before any work")
  func failFast() throws {
    let workspace = try BatchWorkspace(models: 3)
    try workspace.folder.write([1, 2, 3], to: "models/m02/model.safetensors")
    var batch = workspace.converting()
    batch.stopsAtFailure = true
    #expect(throws: (any Error).self) { try workspace.run(batch) }
    #expect(!workspace.folder.exists("out"))
  }

  @Test("the errors of all models are thrown together if none can be converted")
  func allFail() throws {
    let workspace = try BatchWorkspace(models: 2)
    for name in ["m01", "m02"] {
      try workspace.folder.write([1, 2, 3], to: "models/\(name)/model.safetensors")
    }
    let error = #expect(throws: SeveralErrors.self) { try workspace.run(workspace.converting()) }
    #expect(error?.errors.count == 2)
    #expect(!workspace.folder.exists("out"))
  }

  @Test("an existing output of another program is an error of its model, and force replaces it")
  func existing() throws {
    let workspace = try BatchWorkspace(models: 2)
    try workspace.folder.write([7], to: "out/m01.sumac")
    let report = try workspace.run(workspace.converting())
    #expect(report.states == [.failed, .done])
    #expect(report.results[0].error?.status == .outputExists)
    #expect(try workspace.folder.bytes("out/m01.sumac") == [7])
    var batch = workspace.converting()
    batch.replacesExisting = true
    #expect(try workspace.run(batch).states == [.done, .skipped])
    #expect(try workspace.folder.bytes("out/m01.sumac").count > 100)
  }

  @Test("steps run in order, and only the last output stays", arguments: [false, true])
  func steps(keeps: Bool) throws {
    let workspace = try BatchWorkspace(models: 2)
    var batch = workspace.converting()
    var half = BatchWorkspace.convert
    half.dtype = .bf16
    var verify = VerifyOperation(inputs: ["input"])
    verify.largestError = 2
    batch.steps = [BatchStep(BatchWorkspace.prune), BatchStep(half), BatchStep(verify)]
    batch.keepsIntermediates = keeps
    let report = try workspace.run(batch)
    #expect(report.states == [.done, .done], "\(report.results.map(\.error?.message))")
    #expect((report.results[0].relativeError ?? 0) > 0)
    let names = try workspace.outputs().keys.sorted()
    #expect(
      names
        == (keeps
          ? ["m01.sumac", "m01.sumac.1-prune.sumac", "m02.sumac", "m02.sumac.1-prune.sumac"]
          : ["m01.sumac", "m02.sumac"]))
    #expect(try workspace.run(batch).states == [.skipped, .skipped])
  }

  @Test(
    "a comparison with the original that fails is a failure of the model, and is repeated alone")
  func comparison() throws {
    let workspace = try BatchWorkspace(models: 1)
    var batch = workspace.converting()
    batch.steps = [BatchStep(BatchWorkspace.prune), BatchStep(VerifyOperation(inputs: ["input"]))]
    let report = try workspace.run(batch)
    #expect(report.states == [.failed])
    #expect(report.results[0].error?.status == .comparisonFailed)
    let identities = try workspace.identities()
    #expect(identities.count == 1)
    #expect(try workspace.run(batch).states == [.failed])
    #expect(try workspace.identities() == identities)
  }

  @Test("reports become files whose suffix chooses the format", arguments: ["json", "html", "csv"])
  func reports(suffix: String) throws {
    let workspace = try BatchWorkspace(models: 2)
    var batch = workspace.converting()
    batch.steps = [BatchStep(InspectOperation(inputs: ["input"]))]
    batch.name = "{stem}-report." + suffix
    #expect(try workspace.run(batch).states == [.done, .done])
    let names = try workspace.outputs().keys.sorted()
    #expect(names == ["m01-report." + suffix, "m02-report." + suffix])
    #expect(try workspace.run(batch).states == [.skipped, .skipped])
  }

  @Test("a plan writes nothing")
  func plan() throws {
    let workspace = try BatchWorkspace(models: 3)
    let plan = try workspace.converting().plan(workspace.context())
    #expect(!workspace.folder.exists("out"))
    #expect(plan.lines.count == 3)
    #expect(plan.lines.allSatisfy { $0["action"]?.asString == "write" })
    try workspace.run(workspace.converting())
    let again = try workspace.converting().plan(workspace.context())
    #expect(again.lines.allSatisfy { $0["action"]?.asString == "skip" })
  }

  @Test("each completed model is a progress event")
  func progress() throws {
    let workspace = try BatchWorkspace(models: 4)
    let recorder = BatchRecorder()
    try workspace.run(workspace.converting(), recorder)
    #expect(recorder.models == 4)
  }
}
