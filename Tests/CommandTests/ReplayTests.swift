import Base
import Foundation
import TestSupport
import Testing

/// Replays: the commands that `explain --replay` prints rebuild the file, byte for byte, from its inputs alone.
@Suite struct ReplayCommandTests {
  /// Commands in a folder with models, the last of which makes `out`, and the inputs that a replay needs.
  struct Scenario: CustomStringConvertible, Sendable {
    var description: String
    var commands: [String]
    var output: String
    var inputs: [String]
  }

  static let scenarios = [
    Scenario(
      description: "convert, prune and convert to types",
      commands: [
        "convert base -o half.safetensors --dtype f16 --exclude *norm* --include *layers.0*",
        "prune half.safetensors -o pruned.safetensors --by magnitude --amount 30% --scope layer",
        "convert pruned.safetensors -o out.sumac --type int4:g64 --sparse auto --sealed",
      ], output: "out.sumac", inputs: ["base"]),
    Scenario(
      description: "convert, merge and convert to a dtype",
      commands: [
        "convert poetry -o p.sumac",
        "merge p.sumac tech --base base --method dare_ties --density 0.5 --seed 7 -o m",
        "convert m -o out.safetensors --dtype f32",
      ], output: "out.safetensors", inputs: ["poetry", "tech", "base"]),
    Scenario(
      description: "extract, apply and rescale into shards",
      commands: [
        "vector extract poetry --base base -o v.sumac --density 10%",
        "vector apply v.sumac --base base --scale -0.5 -o x.sumac",
        "rope scale x.sumac --method yarn --factor 2 -o out --shard-size 1MB",
      ], output: "out", inputs: ["poetry", "base"]),
    Scenario(
      description: "files of one name in several folders",
      commands: [
        "convert base -o one/m.sumac", "convert one/m.sumac -o two/m.sumac --compress small",
        "convert two/m.sumac -o m.sumac --dtype f32 --names-from names.txt",
      ], output: "m.sumac", inputs: ["base"]),
    Scenario(
      description: "a merge of a merge in one recipe, and an appended file",
      commands: [
        "merge --recipe recipe.yaml -o merged.sumac", "convert merged.sumac -o again.sumac",
        "convert tokens.safetensors -o out.sumac --append-to again.sumac",
      ], output: "out.sumac", inputs: ["base", "poetry", "tech", "tokens.safetensors"]),
  ]

  private static let recipe = """
    name: mid
    merge_method: linear
    models:
    - model: poetry
    - model: tech
    parameters: {weight: 0.5}
    dtype: bfloat16
    ---
    merge_method: task_arithmetic
    base_model: base
    models:
    - model: mid
      parameters: {weight: 0.5}
    """

  @Test("a replay in a fresh folder makes the same bytes", arguments: scenarios)
  func bytes(scenario: Scenario) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    for name in ["one", "two"] {
      try FileManager.default.createDirectory(
        atPath: folder[name], withIntermediateDirectories: true)
    }
    try "lm_head.weight\nmodel.norm.weight\n".write(
      toFile: folder["names.txt"], atomically: true, encoding: .utf8)
    try Self.recipe.write(toFile: folder["recipe.yaml"], atomically: true, encoding: .utf8)
    for command in scenario.commands {
      let run = try CommandRun.sumac(
        command.split(separator: " ").map(String.init) + ["-q"], in: folder.path)
      #expect(run.status == 0, "\(command): \(run.messages)")
    }
    let script = try CommandRun.sumac(["explain", "--replay", scenario.output], in: folder.path)
    #expect(script.status == 0, "\(script.messages)")
    let document = try CommandRun.sumac(
      ["explain", "--replay", scenario.output, "--json"], in: folder.path)
    let json = try JSONValue.parse(Array(document.output.utf8).span)
    #expect(json["complete"]?.asBool == true, "\(script.output)")
    let paths = json["inputs"]?.asArray?.compactMap { $0["path"]?.asString } ?? []
    #expect(Set(paths) == Set(scenario.inputs))
    let command = json["steps"]?.asArray?.last?["commands"]?.asArray?.last
    let output = try #require(command?["output"]?.asString)

    // The fresh folder has the inputs and nothing else.
    let fresh = try TemporaryFolder()
    for name in scenario.inputs {
      try FileManager.default.copyItem(
        atPath: URL(fileURLWithPath: folder[name]).resolvingSymlinksInPath().path,
        toPath: fresh[name])
    }
    let replay = try CommandRun.sumac(
      ["-e", "-c", script.output], in: fresh.path,
      environment: ["PATH": CommandRun.productFolder + ":/usr/bin:/bin"], program: "/bin/sh")
    #expect(replay.status == 0, "\(script.output)\n\(replay.messages)")
    let same = try CommandRun.sumac(
      ["-r", folder[scenario.output], fresh[output]], program: "/usr/bin/diff")
    #expect(same.status == 0, "\(script.output)\n\(same.output)")
    let id = try CommandRun.sumac(["explain", output, "--json"], in: fresh.path)
    let found = try JSONValue.parse(Array(id.output.utf8).span)
    #expect(found["id"]?.asString == json["id"]?.asString)
  }

  @Test(
    "only files can be replayed",
    arguments: [[], ["memory"], ["safetensors.byte-count"], ["base:lm_head.weight"]])
  func usage(subject: [String]) throws {
    let workspace = try Workspace()
    let run = try CommandRun.sumac(["explain", "--replay"] + subject, in: workspace.folder.path)
    #expect(run.status == 64 && run.output.isEmpty)
    #expect(run.messages.contains("--replay needs a file"))
  }

  // MARK: Places

  @Test(
    "outputs have the same bytes wherever the work is done",
    arguments: [
      (
        "train run @training/start.safetensors --data @training/digits-train.npz --test @training/digits-test.npz --recipe @training/sgd.yaml -o ",
        "/model.sumac"
      ),
      (
        "sparcl train @training/start.safetensors --data @training/digits-train.npz --tasks 0,1/2,3 --epochs 1 --masks dense -o ",
        "/task-2.sumac"
      ),
      (
        "prune @training/start.safetensors --rounds 1 --data @training/digits-train.npz --test @training/digits-test.npz --recipe @training/sgd.yaml -o ",
        "/round-1/pruned.sumac"
      ),
      ("train new --arch @training/config.json -o ", ".sumac"),
      ("calibrate @base --data @tokens.safetensors:heldout_prose --tokens 300 -o ", ".sumac"),
      (
        "calibrate @base --data @tokens.safetensors:heldout_prose --tokens 300 --sequential @poetry -o ",
        ".sumac"
      ),
      (
        "cache make @base --data @tokens.safetensors:heldout_prose --length 20 -o ", ".safetensors"
      ),
      ("convert @base --target-bpw 4.5 --calibration @stats.safetensors -o ", ".sumac"),
      ("sparcl mask @training/start.safetensors --profile @shares.yaml -o ", ".sumac"),
    ])
  func places(line: String, output: String) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    func sumac(_ line: String, in place: String) throws {
      let words = line.split(separator: " ").map(String.init)
      let run = try CommandRun.sumac(words, in: place)
      #expect(run.status == 0, "\(line): \(run.messages)")
    }
    try folder.write(
      Array("prune_ratios:\n  blocks.0.weight: 0.5\n".utf8), to: "shares.yaml")
    if line.contains("stats") {
      try sumac(
        "calibrate base --data tokens.safetensors:heldout_prose --tokens 300 -o stats.safetensors",
        in: folder.path)
    }
    let suffix = output.hasPrefix("/") ? "" : output
    try sumac(line.replacing("@", with: "") + "one" + suffix, in: folder.path)
    try folder.write([], to: "deep/inside/empty")
    try sumac(
      line.replacing("@", with: "../../") + "../../two" + suffix, in: folder["deep/inside"])
    let (one, two) = (try folder.bytes("one" + output), try folder.bytes("two" + output))
    #expect(one == two && !one.isEmpty)
  }
}
