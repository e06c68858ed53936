import Base
import Checkpoints
import Containers
import Foundation
import Glibc
import TensorCore
import TestSupport
import Testing

/// Sparse continual learning by the built program.
@Suite struct SparclTests {
  private static let training = [
    "sparcl", "train", "start.sumac", "--data", "training/digits-train.npz", "--test",
    "training/digits-test.npz", "--tasks", "0,1/2,3", "--divide-by", "16", "--batch", "16",
    "--rate", "0.05", "--buffer", "40", "--epochs", "3", "--mask-every", "1", "--sparsity", "80%",
    "--gradient-sparsity", "80%", "--gradient-every", "3", "--remove", "30%:2",
  ]

  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    let run = try run(
      ["train", "new", "--arch", "convnet:1x8x8,8,16,10", "-o", "start.sumac"], workspace)
    #expect(run.status == 0, "\(run.messages)")
    return workspace
  }

  private func run(_ arguments: [String], _ workspace: Workspace) throws -> CommandRun {
    try CommandRun.sumac(arguments, in: workspace.folder.path)
  }

  private static let files = ["task-1.sumac", "task-2.sumac", "log.jsonl", "state.safetensors"]

  @Test("a training has the same bytes after kills and for any number of threads") func bytes()
    throws
  {
    let workspace = try workspace()
    let whole = try run(Self.training + ["-o", "whole", "-j", "1"], workspace)
    #expect(whole.status == 0, "\(whole.messages)")
    var killed = 0
    for round in 0..<8 {
      let process = CommandRun.process(
        Self.training + ["-o", "parts", "-j", "2"], in: workspace.folder.path)
      (process.standardOutput, process.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice
      )
      try process.run()
      usleep(UInt32(30_000 + 25_000 * round))
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
      if process.terminationReason == .uncaughtSignal { killed += 1 }
    }
    #expect(killed >= 2)
    #expect(try run(Self.training + ["-o", "parts", "-j", "2"], workspace).status == 0)
    for name in Self.files {
      let (one, two) = (
        try workspace.folder.bytes("whole/" + name), try workspace.folder.bytes("parts/" + name)
      )
      #expect(one == two, "\(name)")
    }
  }

  /// A change of the model after a task of a finished training.
  enum Fault: CaseIterable {
    case damaged, empty, missing, other
  }

  @Test(
    "a finished training writes its last model again, and reports others", arguments: Fault.allCases
  )
  func faults(fault: Fault) throws {
    let workspace = try workspace()
    #expect(try run(Self.training + ["-o", "run"], workspace).status == 0)
    let whole = try (1...2).map { try workspace.folder.bytes("run/task-\($0).sumac") }
    for task in [2, 1] {
      let name = "run/task-\(task).sumac"
      try FileManager.default.removeItem(atPath: workspace.folder[name])
      var bytes = whole[task - 1]
      bytes[bytes.count / 2] ^= 1
      switch fault {
      case .damaged: try workspace.folder.write(bytes, to: name)
      case .empty: try workspace.folder.write([], to: name)
      case .other: try workspace.folder.write(whole[2 - task], to: name)
      case .missing: break
      }
      let run = try run(Self.training + ["-o", "run"], workspace)
      if task == 2 {
        #expect(run.status == 0, "\(run.messages)")
        let found = try workspace.folder.bytes(name)
        #expect(found == whole[1])
      } else {
        #expect(run.status == 3, "\(run.messages)")
        #expect(run.messages.contains("task-1.sumac: is missing, damaged or another file"))
        #expect(run.messages.contains("remove run and repeat the command"), "\(run.messages)")
      }
    }
  }

  @Test("the lineage of a model has what shaped it") func lineage() throws {
    let workspace = try workspace()
    #expect(try run(Self.training + ["-o", "run"], workspace).status == 0)
    let steps = try Containers.read(workspace.folder["run/task-2.sumac"]).lineage.steps
    let options = try #require(steps.last).options
    let expected = [
      ("data", "digits-train.npz"), ("tasks", "0,1/2,3"), ("epochs", "3"), ("masks", "dynamic"),
      ("sparsity", "0.8"), ("gradient-sparsity", "0.8"), ("gradient-every", "3"),
      ("exchange", "0.01"), ("importance", "0.5"), ("mask-every", "1"), ("remove", "30%:2"),
      ("replay", "derpp"), ("buffer", "40"), ("logit-weight", "0.1"), ("label-weight", "0.5"),
      ("task", "2"),
    ].map { Lineage.Option($0, $1) }
    for option in expected { #expect(options.contains(option), "\(option)") }
    let recipe = try #require(options.first { $0.name == "recipe" }).value
    #expect(
      recipe == #"{"epochs":3,"batch":16,"optimizer":{"name":"sgd","rate":0.05},"#
        + #""schedule":{"name":"constant","by":"step"},"seed":0,"input":{"divide_by":16.0}}"#)
  }

  @Test("a run with other settings is refused by their names") func otherSettings() throws {
    let workspace = try workspace()
    #expect(try run(Self.training + ["-o", "run"], workspace).status == 0)
    var other = Self.training
    other[other.firstIndex(of: "0.05") ?? 0] = "0.06"
    other[other.firstIndex(of: "80%") ?? 0] = "70%"
    let run = try run(other + ["-o", "run"], workspace)
    #expect(run.status == 64)
    #expect(run.messages.contains("different are sparsity, rate"), "\(run.messages)")
  }

  @Test("masked layers keep their sparsity, and their files are small") func sparse() throws {
    let workspace = try workspace()
    #expect(try run(Self.training + ["-o", "sparse"], workspace).status == 0)
    let file = try Containers.read(workspace.folder["sparse/task-2.sumac"])
    let tensor = try #require(file.tensors.first { $0.name == "blocks.4.weight" })
    let weights = try tensor.bytes().floats
    let share = Double(weights.count { $0 == 0 }) / Double(weights.count)
    #expect(share >= 0.79 && share < 0.85)
    #expect(tensor.stored.byteCount < tensor.info.byteCount / 2)
  }

  @Test(
    "settings that do not fit are errors with a reason",
    arguments: [
      (["--tasks", "0,1/2,12"], "names class 12"), (["--tasks", "0,0"], "twice"),
      (["--sparsity", "120%"], "expected a share between 0 and 1"),
      (["--sparsity", "0"], "expected a share between 0 and 1"),
      (["--gradient-sparsity", "1"], "expected a share between 0 and 1"),
      (["--layers", "nothing*"], "names no layer"), (["--remove", "30%:3"], "ends at epoch 3"),
      (["--remove", "much"], "is not a share"), (["--batch", "200"], "too few for a batch"),
      (["--lower", "80%"], "needed together"), (["--mask-every", "3"], "leave at epoch 3"),
      (["--logit-weight", "1", "--replay", "er"], "--logit-weight has no effect"),
      (["--label-weight", "1", "--replay", "none"], "--label-weight has no effect"),
      (["--replay", "none"], "--buffer has no effect"),
      (["--importance", "1", "--masks", "static"], "--importance has no effect"),
      (["--masks", "dense"], "--gradient-sparsity has no effect"),
      (["--lower", "80%", "--upper", "80%", "--exchange", "2%"], "--exchange has no effect"),
      (["--draws", "none.npz", "--seed", "1"], "--seed has no effect"),
      (["--importance", "nan"], "expected 0 or more"),
    ])
  func settings(change: [String], reason: String) throws {
    let workspace = try workspace()
    let place = Self.training.firstIndex(of: change[0])
    var arguments = Self.training
    if let place { arguments[place + 1] = change[1] } else { arguments += change }
    let run = try run(arguments + ["-o", "run"], workspace)
    #expect(run.status == 64)
    #expect(run.messages.contains(reason), "\(run.messages)")
    #expect(try !workspace.folder.names(in: ".").contains("run"))
  }

  @Test("a folder of other settings or data is refused") func others() throws {
    let workspace = try workspace()
    #expect(try run(Self.training + ["-o", "run"], workspace).status == 0)
    var other = Self.training
    other[other.firstIndex(of: "training/digits-train.npz") ?? 0] = "training/digits-test.npz"
    let run = try run(other + ["-o", "run"], workspace)
    #expect(run.status == 64)
    #expect(run.messages.contains("different are data"), "\(run.messages)")
  }

  @Test(
    "estimates of products follow the stated rule",
    arguments: [
      ("0.75", "0.8", 4.090529275219796, 5.2781022906061885),
      ("0.95", "0.95", 15.674904778143187, 20.225683584700885),
    ])
  func products(sparsity: String, gradient: String, ratio: Double, withData: Double) throws {
    let workspace = try Workspace()
    let run = try run(
      [
        "sparcl", "flops", "resnet18:3x32x32,64,10", "--sparsity", sparsity, "--gradient-sparsity",
        gradient, "--remove", "30%:20", "--json",
      ], workspace)
    let json = try JSONValue.parse(Array(run.output.utf8).span)
    #expect(json["forward_products"]?.asInt == 555_422_720)
    #expect(abs((json["ratio"]?.asDouble ?? 0) - ratio) <= 1e-12 * ratio)
    #expect(abs((json["ratio_with_data"]?.asDouble ?? 0) - withData) <= 1e-12 * withData)
  }

  @Test(
    "options without effect and outputs that meet are errors",
    arguments: [
      (
        "flops mlp:4,4,2 --sparsity 90% --gradient-sparsity 90% --epochs 9",
        "--epochs has no effect"
      ),
      (
        "flops mlp:4,4,2 --sparsity 90% --gradient-sparsity 90% --mask-every 9",
        "--mask-every has no effect"
      ),
      (
        "mask training/start.safetensors --sparsity 90% --alpha 1 -o m.safetensors",
        "--alpha has no"
      ),
      ("mask training/start.safetensors --sparsity 90% --beta 1 -o m.safetensors", "--beta has no"),
      (
        "mask training/start.safetensors --sparsity 90% --as scores -o m.safetensors",
        "--sparsity has no effect on scores"
      ),
      (
        "mask training/start.safetensors --sparsity 90% --include no* --include lin* -o m.safetensors",
        "'no*' matches no tensor"
      ),
      (
        "update training/start.safetensors --lower 91% --upper 90% --save-mask ./u.safetensors -o u.safetensors",
        "name the same file"
      ),
      (
        "update training/start.safetensors --lower 90% --upper 90% --seed 1 --save-mask v.safetensors -o u.safetensors",
        "--seed has no effect"
      ),
      (
        "update training/start.safetensors --mask training/order.safetensors --lower 91% --upper 90% --save-mask v.safetensors -o u.safetensors",
        "mask of no tensor"
      ),
      (
        "update training/start.safetensors --lower 90% --upper 91% --save-mask v.safetensors -o u.safetensors",
        "no weights would be added"
      ),
      ("buffer training/order.safetensors --size 0 -o b.safetensors", "expected 1 to"),
    ])
  func withoutEffect(words: String, reason: String) throws {
    let workspace = try Workspace()
    let run = try run(["sparcl"] + words.split(separator: " ").map(String.init), workspace)
    #expect(run.status != 0)
    #expect(run.messages.contains(reason), "\(run.messages)")
    #expect(try !workspace.folder.names().contains { $0.hasSuffix("u.safetensors") })
  }

  @Test(
    "examples leave among those that are left",
    arguments: [
      ("1\n2\n3\n", "2", 0, ""), ("1\n2\n", "3", 64, "has counts of 2 examples that are left"),
      ("1 2\n", "1", 3, "line 1 is not"), ("1\n\n1\n", "1", 3, "line 3 names example 1"),
      ("\n", "0", 64, "has no examples"),
    ])
  func drop(current: String, count: String, status: Int32, reason: String) throws {
    let folder = try TemporaryFolder()
    let counts = (0..<5).map { #"{"example": \#($0), "count": \#(5 - $0)}"# }.joined(
      separator: "\n")
    try folder.write(Array(counts.utf8), to: "counts.jsonl")
    try folder.write(Array(current.utf8), to: "left.txt")
    let run = try CommandRun.sumac(
      [
        "sparcl", "drop", "counts.jsonl", "--count", count, "--current", "left.txt", "--format",
        "csv",
      ], in: folder.path)
    #expect(run.status == status, "\(run.messages)")
    #expect(status == 0 || run.messages.contains(reason), "\(run.messages)")
    if status == 0 { #expect(run.output.hasSuffix("1,true\n3,false\n2,false\n")) }
  }

  @Test("examples that were never right are counted apart from those that were forgotten")
  func never() throws {
    let folder = try TemporaryFolder()
    let sights = ["true", "false"].map { #"{"example": 1, "right": \#($0)}"# }
    let lines = sights + [#"{"example": 2, "right": false}"#]
    try folder.write(Array(lines.joined(separator: "\n").utf8), to: "sights.jsonl")
    let run = try CommandRun.sumac(
      ["sparcl", "forget", "sights.jsonl", "--never", "1", "--json"], in: folder.path)
    let json = try JSONValue.parse(Array(run.output.utf8).span)
    #expect(json["never_right_examples"]?.asInt == 1)
    #expect(json["histogram"]?.asArray?.count == 1)
  }

  @Test("a sample of a stream in two parts is that of the whole stream") func buffer() throws {
    let workspace = try Workspace()
    func write(_ name: String, _ rows: Range<UInt8>) throws {
      let header =
        #"{"x":{"dtype":"U8","shape":[\#(rows.count),1],"data_offsets":[0,\#(rows.count)]}}"#
      let count = UInt64(header.utf8.count)
      let size = (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
      try Data(size + Array(header.utf8) + Array(rows)).write(
        to: URL(fileURLWithPath: workspace.folder[name]))
    }
    try write("all.safetensors", 0..<90)
    try write("one.safetensors", 0..<40)
    try write("two.safetensors", 40..<90)
    for words in [
      "all.safetensors --size 7 -o whole.safetensors",
      "one.safetensors --size 7 -o half.safetensors",
      "two.safetensors --size 7 --old half.safetensors -o both.safetensors",
    ] {
      let run = try run(
        ["sparcl", "buffer"] + words.split(separator: " ").map(String.init), workspace)
      #expect(run.status == 0, "\(run.messages)")
    }
    let (whole, both) = (
      try Containers.read(workspace.folder["whole.safetensors"]),
      try Containers.read(workspace.folder["both.safetensors"])
    )
    #expect(whole.tensors.map(\.name).sorted() == ["ids", "seen", "x"])
    for (one, two) in zip(whole.tensors, both.tensors) {
      let (a, b) = (try one.bytes(), try two.bytes())
      #expect(a == b, "\(one.name)")
    }
    let wrong = try run(
      [
        "sparcl", "buffer", "two.safetensors", "--size", "9", "--old", "half.safetensors", "-o",
        "w.safetensors",
      ],
      workspace)
    #expect(wrong.messages.contains("another stream or size"), "\(wrong.messages)")
  }
}
