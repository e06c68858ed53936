import Base
import Operations
import TestSupport
import Testing

/// Plans of calibrations.
@Suite struct PlanCalibrationTests {
  private let workspace: PlanWorkspace

  init() throws { workspace = try PlanWorkspace() }

  private func operation(_ name: String) -> CalibrateOperation {
    var settings = EvaluationSettings(
      data: [Fixtures.path("models/text/tokens.safetensors") + ":heldout_prose"])
    settings.tokenLimit = 3000
    settings.kernels = .portable
    var output = workspace.output(name)
    output.shardByteCount = 60_000
    return CalibrateOperation(model: PlanWorkspace.base, settings: settings, output: output)
  }

  @Test("tasks that run some of the windows each make the sums of one process", arguments: [1, 2])
  func identity(seed: UInt64) throws {
    _ = try operation("single").run(workspace.context)
    let plan = try workspace.plan(operation("tasks"))
    #expect(
      plan.plan.stages.map(\.name) == ["identify", "survey-1", "combine-1", "apply", "assemble"])
    let counts = plan.plan.stages.map(\.taskCount)
    #expect(counts[1] >= 3 && counts[3] >= 2)
    #expect(try workspace.runAll(plan, seed: seed).allSatisfy { $0 == "done" })
    let (expected, found) = (try workspace.files("single"), try workspace.files("tasks"))
    #expect(expected.count >= 3)
    #expect(found == expected)
  }

  @Test("products and sequential steps are not divided")
  func refused() throws {
    var products = operation("tasks")
    products.products = ["*q_proj*"]
    #expect(throws: UsageError.self) { try workspace.plan(products) }
    var sequential = operation("tasks")
    sequential.sequential = "50%"
    #expect(throws: UsageError.self) { try workspace.plan(sequential) }
  }
}
