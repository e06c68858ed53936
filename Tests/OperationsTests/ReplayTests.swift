import Base
import Checkpoints
import Containers
import ModelDirectories
import Operations
import Packing
import Reporting
import Safetensors
import Testing

/// The commands that rebuild a file, from lineages of any shape.
@Suite struct ReplayTests {
  private static let versions = Version.shapingOutput

  private static func step(
    _ verb: String, _ options: [(String, String)] = [], _ inputs: [Lineage.Input],
    versions: [Lineage.Option] = versions
  ) -> Lineage.Step {
    Lineage.Step(
      verb: verb, options: options.map { Lineage.Option($0, $1) }, versions: versions,
      inputs: inputs)
  }

  private static func input(_ name: String, _ id: String, _ step: Int? = nil) -> Lineage.Input {
    Lineage.Input(name: name, id: id, byteCount: 10, step: step)
  }

  private static func replay(
    _ steps: [Lineage.Step], path: String = "out.sumac", container: ContainerName = .sumac,
    dropped: Int = 0
  ) -> Replay {
    Replay(
      Checkpoint(
        path: path, container: container, tensors: [],
        lineage: Lineage(steps: steps, droppedStepCount: dropped),
        identity: InputIdentity(hash: "ff", byteCount: 20, coverage: .index), files: []))
  }

  /// Returns the commands of a replay as lines.
  private static func commands(_ replay: Replay) -> [String] {
    text(replay).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
  }

  private static func text(_ replay: Replay) -> String {
    replay.rendered(as: .text, width: nil)
  }

  @Test("options become words, in order, and flags have no value")
  func options() {
    let replay = Self.replay([
      Self.step(
        "convert",
        [
          ("dtype", "f16"), ("select", "include *a b*"), ("select", "exclude *c*"),
          ("saturate", "true"), ("drop", "-x"), ("compress", "fast"), ("sealed", "true"),
        ], [Self.input("model", "content:1")])
    ])
    #expect(
      Self.commands(replay) == [
        "sumac convert model --dtype f16 --include '*a b*' --exclude '*c*' --saturate --drop=-x "
          + "--sealed -o out.sumac"
      ])
    #expect(replay.isComplete)
    let text = Self.text(replay)
    #expect(text.hasPrefix("# out.sumac, 20 B, sha256:ff\n"))
    #expect(text.contains("\n#   model  10 B  content:1\n"))
    #expect(text.hasSuffix("\n#   out.sumac  20 B  sha256:ff\n"))
  }

  @Test("files of one name get folders, and one step can have several outputs")
  func names() {
    let replay = Self.replay([
      Self.step("convert", [("compress", "fast")], [Self.input("m", "content:1")]),
      Self.step("convert", [], [Self.input("m", "content:2")]),
      Self.step(
        "vector add",
        [("scale", "0.5"), ("scale", "-1.0"), ("scale", "2.0"), ("compress", "fast")],
        [
          Self.input("a.sumac", "sha256:3", 0), Self.input("b.sumac", "sha256:4", 0),
          Self.input("a.sumac", "content:5", 1),
        ]),
    ])
    // Without compress, the second step wrote no .sumac file, whatever its name is.
    #expect(replay.steps[1].gap == "the lineage does not record the format of a.sumac")
    #expect(
      Self.commands(replay) == [
        "sumac convert m -o a.sumac", "sumac convert m -o b.sumac",
        "sumac vector add a.sumac b.sumac step-2/a.sumac --scale=a.sumac=0.5 --scale=b.sumac=-1.0 "
          + "--scale=step-2/a.sumac=2.0 -o out.sumac",
      ])
    #expect(replay.inputs.map(\.path) == ["m", "input-2/m", "step-2/a.sumac"])
    #expect(replay.inputs.map(\.step) == [nil, nil, 1])
    #expect(!replay.isComplete)
  }

  @Test("folders are made before outputs in them")
  func folders() {
    let replay = Self.replay(
      [
        Self.step("convert", [("compress", "fast")], [Self.input("out.sumac", "sha256:1")]),
        Self.step("convert", [("compress", "fast")], [Self.input("out.sumac", "sha256:2", 0)]),
      ])
    #expect(
      Self.commands(replay) == [
        "mkdir -p step-1", "sumac convert out.sumac -o step-1/out.sumac",
        "mkdir -p step-2", "sumac convert step-1/out.sumac -o step-2/out.sumac",
      ])
  }

  @Test(
    "a format that the name does not choose is named",
    arguments: [
      ("half", [("compress", "fast")], ContainerName.sumac, "half --to sumac"),
      ("half", [("compress", "fast")], .sumacShards, "half --to sumac-shards"),
      ("half", [], .directory, "half"), ("half", [], .safetensors, "half --to safetensors"),
      ("half.bin", [], .safetensors, "half.bin --to safetensors"),
      ("half.safetensors", [], .safetensors, "half.safetensors"),
      ("half.tar.gz", [], .archive, "half"),
    ] as [(String, [(String, String)], ContainerName, String)])
  func format(name: String, options: [(String, String)], container: ContainerName, end: String) {
    let replay = Self.replay(
      [Self.step("convert", options, [Self.input("m", "content:1")])], path: "x/" + name,
      container: container)
    #expect(Self.commands(replay) == ["sumac convert m -o \(end)"])
  }

  @Test(
    "what cannot be replayed has a reason, and the others are printed",
    arguments: [
      ("forge", [], "'forge' is not a command of this version of sumac"),
      (
        "train run", [("data", "x")],
        "the lineage does not record all inputs of train run, such as texts, recipes and settings"
      ),
      ("convert", [("magic", "1")], "'magic' is not an option of convert in this version"),
      (
        "rope scale", [("method", "longrope")],
        "the lineage does not record the factors of longrope"
      ),
      ("merge", [], "the lineage does not record the recipe"),
      ("vector extract", [], "the lineage has one input, expected two"),
    ] as [(String, [(String, String)], String)])
  func gaps(verb: String, options: [(String, String)], reason: String) {
    let replay = Self.replay([
      Self.step(verb, options, [Self.input("m", "content:1")]),
      Self.step("convert", [("compress", "fast")], [Self.input("t.safetensors", "content:2", 0)]),
    ])
    #expect(replay.steps.map(\.gap) == [reason, nil])
    #expect(Self.commands(replay) == ["sumac convert t.safetensors -o out.sumac"])
    let text = Self.text(replay)
    #expect(text.contains("# Cannot be replayed: \(reason).\n"))
    #expect(
      text.contains("#   t.safetensors  10 B  content:2, of step 1, which cannot be replayed\n")
    )
    #expect(!replay.isComplete)
  }

  @Test("a new network is made again from its sizes, but not from a configuration")
  func newNetwork() {
    func replay(_ architecture: String) -> Replay {
      Self.replay([
        Self.step("train new", [("arch", architecture), ("seed", "7"), ("compress", "fast")], [])
      ])
    }
    let whole = replay("mlp:64,32,10")
    #expect(
      Self.commands(whole) == ["sumac train new --arch mlp:64,32,10 --seed 7 -o out.sumac"])
    #expect(whole.isComplete && whole.inputs.isEmpty)
    let other = replay("config.json")
    #expect(
      other.steps.map(\.gap) == ["the lineage does not record the content of config.json"])
    #expect(other.inputs.isEmpty && Self.commands(other).isEmpty)
  }

  @Test("a mask and an initial model are told apart where the lineage allows it")
  func pruning() {
    func words(_ options: [(String, String)], _ count: Int) -> String? {
      let inputs = (0..<count).map { Self.input("i\($0)", "content:\($0)") }
      let replay = Self.replay(
        [Self.step("prune", options, inputs)], path: "p.safetensors", container: .safetensors)
      return replay.steps[0].gap ?? Self.commands(replay).joined()
    }
    #expect(words([("by", "pqi")], 1) == "sumac prune i0 --by pqi -o p.safetensors")
    #expect(
      words([("by", "wanda")], 4)
        == "sumac prune i0 --norms i1 --mask i2 --rewind i3 --by wanda -o p.safetensors")
    #expect(
      words([("by", "nm"), ("zeros-are-pruned", "true")], 2)
        == "sumac prune i0 --rewind i1 --by nm --zeros-are-pruned -o p.safetensors")
    #expect(
      words([("by", "nm")], 2)
        == "the lineage does not record whether i1 was the mask or the initial model")
    #expect(words([("by", "nm")], 4) == "the lineage has 4 inputs, more than prune has")
  }

  @Test("names of a hostile file stay words, and leave the folder nowhere")
  func hostile() {
    let replay = Self.replay(
      [
        Self.step(
          "convert", [("drop", "$(touch x)'\"\n"), ("compress", "fast\nrm -r .")],
          [
            Self.input("../../etc/passwd", "content:1\nrm -r .")
          ])
      ], path: "-o;reboot")
    let commands = Self.commands(replay)
    #expect(
      commands == [
        "sumac convert input-1/unnamed --drop $'$(touch x)\\'\"\\n' --compress $'fast\\nrm -r .' "
          + "-o './-o;reboot' --to sumac"
      ])
    let dash = Self.replay(
      [Self.step("convert", [("compress", "fast")], [Self.input("--force", "content:1")])])
    #expect(Self.commands(dash) == ["sumac convert ./--force -o out.sumac"])
  }

  @Test("types are spelled as types, and compression only where it is not the default")
  func spelling() {
    let replay = Self.replay([
      Self.step(
        "convert", [("terms", "int4:g64"), ("compress", "small")], [Self.input("m", "content:1")]),
      Self.step(
        "convert", [("terms", "dense:int4:g64+lowrank:8"), ("compress", "fast")],
        [Self.input("a.sumac", "sha256:2", 0)]),
    ])
    #expect(
      Self.commands(replay) == [
        "sumac convert m --type int4:g64 --compress small -o a.sumac",
        "sumac convert a.sumac --terms dense:int4:g64+lowrank:8 -o out.sumac",
      ])
    #expect(replay.steps.map(\.mayCompress) == [false, true])
    #expect(Self.text(replay).contains("# If the id differs, add --compress fast"))
  }

  @Test("older versions and dropped steps are stated")
  func versions() {
    let replay = Self.replay(
      [
        Self.step(
          "convert", [("compress", "fast")], [Self.input("m", "content:1")],
          versions: [Lineage.Option("sumac", "0.0.1")])
      ], dropped: 3)
    let text = Self.text(replay)
    #expect(text.contains("# The 3 oldest steps left out of the lineage"))
    #expect(text.contains("# Step 1 of 1: convert, made by sumac 0.0.1\n# This is sumac "))
    #expect(!replay.isComplete)
  }

  @Test("a file without a lineage has no commands")
  func nothing() {
    let replay = Self.replay([])
    #expect(Self.commands(replay).isEmpty && !replay.isComplete)
    #expect(Self.text(replay).contains("it cannot be rebuilt"))
  }
}
