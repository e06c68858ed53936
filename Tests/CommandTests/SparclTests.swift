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
      (["--lower", "80%"], "needed together"),
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
