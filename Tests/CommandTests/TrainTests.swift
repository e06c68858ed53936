import Base
import Checkpoints
import Containers
import Foundation
import Glibc
import TestSupport
import Testing

/// Trainings by the built program.
@Suite struct TrainTests {
  private static let data = [
    "--data", "training/digits-train.npz", "--test", "training/digits-test.npz", "--recipe",
    "training/sgd.yaml",
  ]

  private func run(_ arguments: [String], _ workspace: Workspace) throws -> CommandRun {
    try CommandRun.sumac(arguments, in: workspace.folder.path)
  }

  @Test("a training has the same bytes for any number of threads") func threads() throws {
    let workspace = try Workspace()
    for jobs in ["1", "2"] {
      let run = try run(
        ["train", "run", "training/start.safetensors", "-o", "run\(jobs)", "-j", jobs] + Self.data,
        workspace)
      #expect(run.status == 0, "\(run.messages)")
    }
    for name in ["model.sumac", "log.jsonl", "state.safetensors"] {
      let (one, two) = (
        try workspace.folder.bytes("run1/" + name), try workspace.folder.bytes("run2/" + name)
      )
      #expect(one == two, "\(name)")
    }
  }

  @Test("a training that was killed continues to the same bytes") func kills() throws {
    let workspace = try Workspace()
    let arguments = ["train", "run", "training/start.safetensors"] + Self.data
    #expect(try run(arguments + ["-o", "whole"], workspace).status == 0)
    var killed = 0
    for round in 0..<60 where killed < 10 {
      let process = CommandRun.process(arguments + ["-o", "parts"], in: workspace.folder.path)
      (process.standardOutput, process.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice
      )
      try process.run()
      usleep(UInt32(20_000 + 9_000 * (round % 13)))
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
      guard process.terminationReason == .uncaughtSignal else {
        // The run was over; the next one begins again.
        try FileManager.default.removeItem(atPath: workspace.folder["parts"])
        continue
      }
      killed += 1
    }
    #expect(killed >= 5)
    #expect(try run(arguments + ["-o", "parts"], workspace).status == 0)
    let names = try workspace.folder.names(in: "whole")
    #expect(try workspace.folder.names(in: "parts") == names)
    for name in names {
      let (whole, parts) = (
        try workspace.folder.bytes("whole/" + name), try workspace.folder.bytes("parts/" + name)
      )
      #expect(whole == parts, "\(name)")
    }
  }

  private struct Round: Decodable {
    var kept: [String: Int]?
    var testCorrect: [Int]
    var trainCorrect: [Int]
  }

  @Test(
    "rounds of training and pruning agree with the authors' code",
    arguments: [
      ("global/si-0.5-1-0-1", ["--by", "pqi"]),
      ("layer/lt-0.2", ["--by", "lottery", "--amount", "20%", "--scope", "layer"]),
    ])
  func rounds(name: String, options: [String]) throws {
    let workspace = try Workspace()
    let run = try run(
      [
        "prune", "training/start.safetensors", "--rounds", "3", "--draws",
        "training/order.safetensors", "-o", "sap", "--json",
      ] + Self.data + options, workspace)
    #expect(run.status == 0, "\(run.messages)")
    let document = try JSONValue.parse(Array(run.output.utf8).span)
    let found = document["rounds"]?.asArray ?? []
    let expected =
      try JSONDecoder().decode(
        [String: [Round]].self, from: Data(try Fixtures.bytes("training/expected.json")))[name]
      ?? []
    #expect(found.count == 4 && expected.count == 4)
    for (row, round) in zip(found, expected) {
      let left = row["left"]?.asInt ?? 0
      let kept = round.kept.map { $0.values.reduce(0, +) } ?? 4736
      #expect(abs(left - kept) <= kept / 200, "\(left) \(kept)")
      // The last epoch is the best one in all rounds.
      #expect(row["epoch"]?.asInt == 3)
      let correct = (row["test_accuracy"]?.asDouble ?? 0) * 360
      #expect(abs(correct - Double(round.testCorrect[2])) <= 1.5)
    }
    let sizes = try (0..<4).map { try workspace.folder.bytes("sap/round-\($0)/model.sumac").count }
    #expect(sizes[3] < sizes[0])
    #expect(try workspace.folder.bytes("sap/rounds.svg").starts(with: Array("<svg".utf8)))
  }

  @Test(
    "rounds prune the tensors that are selected, and refuse options of a single pruning",
    arguments: [
      (["--save-mask", "m.sumac"], "--save-mask does not apply to --rounds"),
      (["--force"], "--force does not apply to --rounds"),
      (["--iterations", "2"], "--iterations does not apply to --rounds"),
      (["--by", "wanda"], "--by wanda does not apply to --rounds"),
      (["--by", "lottery", "--gamma", "2"], "--gamma does not apply to --by lottery"),
      (["--by", "one-shot"], "--by one-shot needs the share of weights"),
    ])
  func roundOptions(options: [String], message: String) throws {
    let workspace = try Workspace()
    let run = try run(
      ["prune", "training/start.safetensors", "--rounds", "1", "-o", "sap"] + Self.data + options,
      workspace)
    #expect(run.status == 64 && run.messages.contains(message), "\(run.messages)")
    #expect(!workspace.folder.exists("sap"))
  }

  @Test(
    "options of rounds need their number",
    arguments: [
      (["--keep-weights"], "--keep-weights trains the network"),
      (["--recipe", "training/sgd.yaml"], "--recipe trains the network"),
      (["--by", "lottery", "--amount", "20%"], "--by lottery trains between prunings"),
    ])
  func withoutRounds(options: [String], message: String) throws {
    let workspace = try Workspace()
    let run = try run(
      ["prune", "training/start.safetensors", "-o", "out.sumac"] + options, workspace)
    #expect(run.status == 64 && run.messages.contains(message), "\(run.messages)")
    #expect(!workspace.folder.exists("out.sumac"))
  }

  @Test("rounds leave tensors that are excluded as they are") func excluded() throws {
    let workspace = try Workspace()
    let arguments = ["prune", "training/start.safetensors", "--rounds", "1", "--json"] + Self.data
    let all = try run(arguments + ["-o", "all"], workspace)
    let some = try run(arguments + ["-o", "some", "--exclude", "linear*"], workspace)
    #expect(all.status == 0 && some.status == 0, "\(some.messages)")
    func weights(_ run: CommandRun) throws -> Int? {
      try JSONValue.parse(Array(run.output.utf8).span)["rounds"]?.asArray?[0]["weights"]?.asInt
    }
    #expect(try weights(all) == 4736 && weights(some) == 4096)
    // The selection is part of the command.
    let other = try run(arguments + ["-o", "some"], workspace)
    #expect(other.status == 64 && other.messages.contains("the run of another command"))
  }

  @Test(
    "faults are found before the work, and leave no folder",
    arguments: [
      (["training/start.safetensors"], ["--draws", "training/digits-test.npz:images"], 64),
      (["base"], [], 64),
      (["new.sumac"], [], 3),
      (["training/start.safetensors"], ["--mask", "training/digits-test.npz"], 3),
      (["training/start.safetensors"], ["--recipe", "training/config.json"], 3),
    ] as [([String], [String], Int32)])
  func faults(model: [String], options: [String], status: Int32) throws {
    let workspace = try Workspace()
    #expect(
      try run(["train", "new", "--arch", "mlp:64,8,9", "-o", "new.sumac"], workspace).status == 0)
    var data = Self.data
    if options.first == "--recipe" { data.removeLast(2) }
    let run = try run(
      ["train", "run", "-o", "run", "--dry-run"] + model + data + options, workspace)
    #expect(run.status == status, "\(run.messages)")
    #expect(!workspace.folder.exists("run"))
  }

  @Test("labels that are no classes are named") func labels() throws {
    let workspace = try Workspace()
    _ = try run(["train", "new", "--arch", "mlp:64,8,9", "-o", "new.sumac"], workspace)
    let run = try run(["train", "run", "new.sumac", "-o", "run"] + Self.data, workspace)
    #expect(run.status == 3 && run.messages.contains("is 9, expected 0 to 8"), "\(run.messages)")
    #expect(run.messages.contains("[train.data]"))
  }

  @Test("a language model is trained on tokens") func language() throws {
    let workspace = try Workspace()
    try workspace.folder.write(
      Array("steps: 2\nbatch: 2\nwindow: 32\noptimizer: {name: adamw, rate: 1e-3}\n".utf8),
      to: "r.yaml")
    let run = try run(
      [
        "train", "run", "base", "--data", "tokens.safetensors:heldout_poetry", "--recipe",
        "r.yaml", "-o", "run", "--json",
      ], workspace)
    #expect(run.status == 0, "\(run.messages)")
    let document = try JSONValue.parse(Array(run.output.utf8).span)
    let loss = document["epochs"]?.asArray?.first?["loss"]?.asDouble ?? 0
    #expect(loss > 1 && loss < 6)
    #expect(try Containers.read(workspace.folder["run/model.sumac"]).tensors.count == 39)
  }

  @Test("the lineage of a training has the values of its recipe, and its mask as an input")
  func lineage() throws {
    let workspace = try Workspace()
    let mask = try run(
      [
        "prune", "training/start.safetensors", "-o", "p.sumac", "--by", "magnitude", "--amount",
        "50%", "--save-mask", "m.sumac",
      ], workspace)
    #expect(mask.status == 0, "\(mask.messages)")
    let run = try run(
      ["train", "run", "training/start.safetensors", "-o", "run", "--mask", "m.sumac"] + Self.data,
      workspace)
    #expect(run.status == 0, "\(run.messages)")
    let step = try #require(
      try Containers.read(workspace.folder["run/model.sumac"]).lineage.steps.last)
    #expect(step.inputs.map(\.name) == ["start.safetensors", "m.sumac"])
    #expect(step.inputs[1].id.hasPrefix("sha256:"))
    let recipe = try #require(step.options.first { $0.name == "recipe" }?.value)
    let values = try JSONValue.parse(Array(recipe.utf8).span)
    #expect(values["optimizer"]?["name"]?.asString == "sgd" && values["epochs"]?.asInt == 3)
    #expect(recipe.utf8.count < 500)
  }

  @Test("a dry run of rounds states the steps of all trainings") func roundsPlan() throws {
    let workspace = try Workspace()
    func steps(_ rounds: [String], _ verb: [String]) throws -> JSONValue {
      let run = try run(
        verb + ["training/start.safetensors", "-o", "out", "--dry-run", "--json"] + rounds
          + Self.data, workspace)
      #expect(run.status == 0, "\(run.messages)")
      return try JSONValue.parse(Array(run.output.utf8).span)
    }
    let single = try steps([], ["train", "run"])
    let rounds = try steps(["--rounds", "3"], ["prune"])
    #expect(single["trainings"]?.asInt == 1 && rounds["trainings"]?.asInt == 4)
    #expect(single["steps"] == rounds["steps"])
    let text = try run(
      ["prune", "training/start.safetensors", "-o", "out", "--dry-run", "--rounds", "3"]
        + Self.data, workspace)
    let count = 4 * (single["steps"]?.asInt ?? 0)
    #expect(text.output.contains("in each of 4 trainings: \(count.grouped) in all"))
  }
}
