import Base
import Checkpoints
import Operations
import Reporting
import TestSupport
import Testing

/// Sweeps over repeats, and plans of them.
@Suite(.needsOpenBLAS) struct RepeatsSweepTests {
  private let workspace: PlanWorkspace
  private var folder: TemporaryFolder { workspace.folder }

  /// Writes random tokens below 64: 256 windows of 32 for the trainings, and 4 for the test.
  init() throws {
    workspace = try PlanWorkspace()
    let random = Philox4x32(key: (1, 2))
    for (name, count) in [("data.u16", 8193), ("test.u16", 129)] {
      let bytes = (0..<count).flatMap { place in
        [UInt8(random.block(low: UInt64(place), high: UInt64(count)).x % 64), 0]
      }
      try folder.write(bytes, to: name)
    }
  }

  /// Returns settings of a sweep; lines of `changes` replace those with the same key.
  private func recipe(_ changes: [String: String] = [:]) -> String {
    let lines = [
      ("data", folder["data.u16"]), ("test", folder["test.u16"]),
      (
        "model",
        "{model_type: llama, vocab_size: 64, num_attention_heads: 2, num_hidden_layers: 1, "
          + "rms_norm_eps: 1e-5, rope_theta: 10000, tie_word_embeddings: true, "
          + "max_position_embeddings: 64}"
      ),
      (
        "sizes",
        "{a: {hidden_size: 4, intermediate_size: 8}, b: {hidden_size: 8, intermediate_size: 8}}"
      ), ("tokens", "512"), ("share", "0.5"), ("repeats", "[1, 8]"), ("seeds", "[3]"),
      ("control", "true"),
      ("training", "{batch: 4, window: 32, optimizer: {name: adamw, rate: 1e-2}}"),
      ("probe", "{length: 4, sequences: 1}"),
    ]
    let own = changes.filter { change in !lines.contains { $0.0 == change.key } }
    return lines.compactMap { key, value in
      let text = changes[key] ?? value
      return text.isEmpty ? nil : "\(key): \(text)\n"
    }.joined() + own.map { "\($0.key): \($0.value)\n" }.joined()
  }

  private func sweep(
    _ changes: [String: String] = [:], to output: String = "out"
  ) throws -> RepeatsSweepOperation {
    try folder.write(Array(recipe(changes).utf8), to: "sweep.yaml")
    return RepeatsSweepOperation(recipe: folder["sweep.yaml"], output: folder[output])
  }

  private func report(_ operation: RepeatsSweepOperation, jobs: Int = 2) throws -> JSONObject {
    try #require(operation.run(workspace.context(jobs: jobs)).reports.first).members
  }

  private static let members = [
    "a-unique-s3", "a-p0.5-r8-s3", "a-p0.5-control-s3", "b-unique-s3", "b-p0.5-r8-s3",
    "b-p0.5-control-s3",
  ]

  @Test("a sweep trains every combination, and states its tokens")
  func members() throws {
    let members = try report(sweep())["members"]?.asArray ?? []
    #expect(members.compactMap { $0["name"]?.asString } == Self.members)
    #expect(members.compactMap { $0["tokens"]?.asInt } == [512, 512, 256, 512, 512, 256])
    #expect(members.compactMap { $0["distinct_tokens"]?.asInt } == [512, 288, 256, 512, 288, 256])
    #expect(members.compactMap { $0["steps"]?.asInt } == [4, 4, 2, 4, 4, 2])
    #expect(members.compactMap { $0["times"]?.asDouble } == [1, 8, 1, 1, 8, 1])
    #expect(members.map { $0["subset_loss"] == .null } == [true, false, true, true, false, true])
    // The loss of random tokens is at least log 64 = 4.16 on average.
    #expect(members.allSatisfy { (4..<6).contains($0["test_loss"]?.asDouble ?? 0) })
  }

  @Test("a sweep continues with the same files for any number of threads, and repeats nothing")
  func continued() throws {
    _ = try report(sweep(to: "whole"))
    _ = try report(sweep(["repeats": "1"], to: "parts"), jobs: 1)
    try folder.write([1], to: "parts/a-unique-s3/model.sumac")
    let kept = try FileIdentity.ifPresent(folder["parts/b-unique-s3/result.json"])
    _ = try report(sweep(to: "parts"), jobs: 1)
    #expect(try FileIdentity.ifPresent(folder["parts/b-unique-s3/result.json"]) == kept)
    for member in Self.members {
      for name in ["model.sumac", "log.jsonl", "state.safetensors", "result.json"] {
        let (whole, parts) = (
          try folder.bytes("whole/\(member)/\(name)"), try folder.bytes("parts/\(member)/\(name)")
        )
        #expect(whole == parts, "\(member) \(name)")
      }
    }
    #expect(try folder.bytes("whole/sweep.csv") == folder.bytes("parts/sweep.csv"))
    #expect(try folder.bytes("whole/sweep.svg") == folder.bytes("parts/sweep.svg"))
  }

  @Test("tasks make the files of one process, and a table only of all results")
  func tasks() throws {
    _ = try report(sweep(to: "whole"))
    let operation = try sweep()
    _ = try PlanOperation(path: folder["plan.json"], work: .sweep(operation))
      .run(workspace.context)
    #expect(!folder.exists("out"))
    let plan = try PlanFile.opened(folder["plan.json"])
    #expect(plan.plan.stages.map(\.name) == ["member", "table"] && plan.plan.taskCount == 7)
    #expect(throws: UsageError.self) { try workspace.run(plan, 7) }
    for number in [5, 1, 6, 2, 4, 3] { #expect(try workspace.run(plan, number) == "done") }
    #expect(try workspace.run(plan, 2) == "skipped")
    #expect(try missing(plan) == [[], [1]])
    #expect(try workspace.run(plan, 1, stage: "table") == "done")
    try FileSystem.removeFile(folder["out/b-unique-s3/model.sumac"])
    #expect(try missing(plan) == [[4], []])
    #expect(try workspace.run(plan, 4) == "done")
    for member in Self.members {
      let (whole, parts) = (
        try folder.bytes("whole/\(member)/model.sumac"),
        try folder.bytes("out/\(member)/model.sumac")
      )
      #expect(whole == parts, "\(member)")
    }
    #expect(try folder.bytes("whole/sweep.csv") == folder.bytes("out/sweep.csv"))
  }

  private func missing(_ plan: PlanFile) throws -> [[Int]] {
    let report = try TaskListOperation(plan: plan.path).run(workspace.context).reports.first
    return (report?.lines ?? []).map { stage in
      (stage["missing"]?.asArray ?? []).compactMap(\.asInt)
    }
  }

  @Test("a task refuses a sweep that changed since the plan")
  func changed() throws {
    let operation = try sweep()
    _ = try PlanOperation(path: folder["plan.json"], work: .sweep(operation))
      .run(workspace.context)
    let plan = try PlanFile.opened(folder["plan.json"])
    _ = try sweep(["tokens": "544"])
    let error = #expect(throws: FormatError.self) { try workspace.run(plan, 1) }
    #expect(error?.code == .planInput)
    #expect(!folder.exists("out"))
  }

  @Test(
    "faults of the settings are found before the work",
    arguments: [
      (["tokens": "16"], "less than the window"), (["share": "1.5"], "share"),
      (["share": ""], "the key share is missing"), (["share": "1"], "a control has"),
      (["repeats": "[2, 2]"], "a value twice"), (["repeats": "[9]"], "p0.5-r9"),
      (["tokens": "1048576"], "different windows"), (["seeds": "[-1]"], "seeds"),
      (["data": ""], "the key data is missing"), (["sizes": "{a-b: {}}"], "is not a name"),
      (["training": "{batch: 4, epochs: 2, optimizer: {name: sgd, rate: 1}}"], "epochs"),
      (["training": "{batch: 4, optimizer: {name: sgg, rate: 1}}"], "sgg"),
      (["sizes": "{a: {hidden_size: 5}}"], "a multiple"), (["extra": "1"], "no key 'extra'"),
      (
        ["sizes": "{a: {model_type: mlp, input_shape: [4], hidden_sizes: [3], num_labels: 2}}"],
        "not a language model"
      ),
      (["probe": "{length: 40, sequences: 2000000}"], "sequences"),
      (["probe": "{length: 4000}"], "sweep.yaml: probe of the size a:"),
      (["share": "0.01"], "p0.01-r8: 8 repeats of one sequence"),
      (["share": "0.01", "repeats": "1"], "p0.01-control: a share of 1 %"),
      (["share": "0"], "share is 0, expected"), (["share": "[50%, x%]"], "share has 'x%'"),
      (["share": "[]"], "share is an empty list"), (["repeats": "[1, 0]"], "repeats has 0"),
      (["tokens": "512.5"], "tokens is 512.5"), (["tokens": "1e30"], "tokens is 1e+30"),
    ] as [([String: String], String)])
  func faults(changes: [String: String], reason: String) throws {
    let operation = try sweep(changes)
    #expect {
      try operation.run(workspace.context)
    } throws: { error in
      guard let error = error as? any UserError else { return false }
      return error.message.contains(reason)
    }
    #expect(!folder.exists("out"))
  }

  @Test("numbers may be written as for a mixture: tokens as 5.12e2, a share as 50%")
  func notations() throws {
    _ = try report(sweep(to: "whole"))
    _ = try report(sweep(["tokens": "5.12e2", "share": "50%"], to: "other"))
    #expect(try folder.bytes("whole/sweep.csv") == folder.bytes("other/sweep.csv"))
    let model = Self.members[1] + "/model.sumac"
    #expect(try folder.bytes("whole/" + model) == folder.bytes("other/" + model))
  }

  @Test(
    "a folder with other files is left as it is, also if they have the names of tables",
    arguments: ["notes.txt", "sweep.csv", "sweep.json", "sweep.svg"])
  func foreign(name: String) throws {
    try folder.write([1], to: "out/" + name)
    let operation = try sweep()
    #expect(throws: OutputExistsError.self) { try operation.run(workspace.context) }
    #expect(try folder.names(in: "out") == [name] && folder.bytes("out/" + name) == [1])
  }

  @Test("a member that other settings trained is refused")
  func otherSettings() throws {
    _ = try report(sweep(["repeats": "1", "control": "false"]))
    let operation = try sweep([
      "training": "{batch: 8, window: 32, optimizer: {name: adamw, rate: 1e-2}}"
    ])
    #expect(throws: UsageError.self) { try operation.run(workspace.context) }
  }

  @Test("the heads can be measured again without another training")
  func probes() throws {
    _ = try report(sweep(["repeats": "1", "control": "false"]))
    let state = try FileIdentity.ifPresent(folder["out/a-unique-s3/state.safetensors"])
    let other = try report(
      sweep(["repeats": "1", "control": "false", "probe": "{length: 5, sequences: 1}"]))
    #expect(try FileIdentity.ifPresent(folder["out/a-unique-s3/state.safetensors"]) == state)
    #expect(other["members"]?.asArray?.count == 2)
  }

  @Test("repeats of one sequence are learnt by heart, which the subset loss shows")
  func memorized() throws {
    let members =
      try report(
        sweep([
          "sizes": "{a: {hidden_size: 16, intermediate_size: 32}}", "tokens": "8192",
          "repeats": "[128]", "control": "false",
          "training": "{batch: 4, window: 32, optimizer: {name: adamw, rate: 3e-2}}",
        ]))["members"]?.asArray ?? []
    let losses = ["subset_loss", "test_loss"].compactMap { members.first?[$0]?.asDouble }
    #expect(losses.count == 2 && losses[0] < losses[1] - 1, "\(losses)")
  }
}
