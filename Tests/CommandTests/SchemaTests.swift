import Base
import Foundation
import TestSupport
import Testing

/// Tests of `--json` of every command against the published schemas in `docs/schemas`.
@Suite struct SchemaTests {
  private static let folder = ConsoleSession.root.appendingPathComponent("docs/schemas")

  /// Commands with the schema of their output and the exit status; `@` in front marks steps without a check.
  private static let commands: [(line: String, schema: String, status: Int32)] = [
    ("inspect base", "inspect", 0), ("inspect base --stats --by-layer", "inspect", 0),
    ("inspect base --stats --neurons", "inspect", 0), ("inspect base nothing", "inspect", 2),
    ("inspect nothing", "failure", 4),
    ("inspect malformed/shape_too_big.safetensors", "failure", 3),
    ("inspect base --jobs 0", "failure", 64), ("convert base -o base", "failure", 64),
    ("prune base", "failure", 64), ("verify nothing --against base", "failure", 4),
    ("convert base -o c.sumac", "output", 0), ("convert base -o d.sumac --dry-run", "plan", 0),
    ("convert base -o s.sumac --type int4", "output", 0), ("convert base -o s.sumac", "failure", 5),
    ("merge poetry tech --method linear -o m", "output", 0),
    ("vector extract poetry --base base -o v.sumac", "output", 0),
    ("vector apply v.sumac --base base -o va.sumac", "output", 0),
    ("vector negate v.sumac -o vn.sumac", "output", 0),
    ("vector add v.sumac vn.sumac -o vv.sumac", "output", 0),
    ("vector compress v.sumac -o vc.sumac --rank 2", "output", 0),
    ("vector stats v.sumac", "vector", 0),
    ("rope scale base --method yarn --factor 4 -o r", "output", 0),
    ("rope scale base --method yarn --factor 4 -o r.json --config-only", "output", 0),
    ("rope show base", "rope", 0),
    ("repeats heads base", "repeats-heads", 0),
    ("repeats probe base --length 5 --sequences 1", "repeats-probe", 0),
    ("repeats compare base poetry --weights-only", "repeats-compare", 0),
    ("cache pack prompt.safetensors -o k.sumac", "output", 0),
    ("cache unpack k.sumac -o k.safetensors", "output", 0),
    ("cache convert k.sumac -o k.seq --layout llamacpp", "output", 0),
    ("cache inspect k.sumac --against prompt.safetensors", "cache-inspect", 0),
    (
      "cache make base --data tokens.safetensors:heldout_poetry --length 64 -o made.safetensors",
      "output", 0
    ),
    (
      "cache make base --data tokens.safetensors:heldout_poetry --length 64 -o m.sumac --dry-run",
      "plan", 0
    ),
    ("cache pack made.safetensors -o made.sumac --group 32", "output", 0),
    (
      "cache eval made.sumac --against made.safetensors --model base --data tokens.safetensors:heldout_poetry --tokens 64",
      "cache-eval", 0
    ),
    (
      "cache eval made.sumac --against made.safetensors --model base --data tokens.safetensors:heldout_prose",
      "failure", 64
    ),
    ("prune base -o p.sumac", "prune", 0),
    ("prune base --survey-out survey.json", "output", 0),
    ("prune base --sweep 50%,1", "prune-sweep", 0), ("prune base --sweep 2", "failure", 64),
    ("prune base --sweep --by pqi", "failure", 64),
    (
      "prune base --sweep 10% --evaluate tokens.safetensors:heldout_poetry --evaluate-tokens 600",
      "prune-sweep", 0
    ),
    ("convert base --sweep int4,int8:row,int8:g4096", "convert-sweep", 0),
    (
      "convert base --sweep int4 --evaluate tokens.safetensors:heldout_poetry --evaluate-tokens 600",
      "convert-sweep", 0
    ),
    ("convert base --sweep int4 -o x.sumac", "failure", 64),
    ("diff base p.sumac", "diff", 0), ("diff base s.sumac --by-layer --exit-code", "diff", 1),
    ("verify base --against base", "verify", 0), ("explain s.sumac", "lineage-report", 0),
    ("explain s.sumac:lm_head.weight", "tensor", 0), ("explain memory", "topic", 0),
    ("explain ties", "topic", 0), ("explain", "topics", 0),
    ("explain --replay s.sumac", "replay", 0),
    ("explain --replay base", "replay", 0), ("explain planes", "topic", 0),
    ("explain directory.index", "error", 0), ("doctor", "doctor", 0),
    ("eval base --data tokens.safetensors:heldout_poetry --tokens 600", "eval", 0),
    (
      "eval s.sumac --against base --by-layer --data tokens.safetensors:heldout_poetry --tokens 600",
      "eval", 0
    ),
    ("eval base --data nothing", "failure", 4),
    (
      "calibrate base --data tokens.safetensors:heldout_poetry --tokens 600 -o n.safetensors",
      "output", 0
    ),
    (
      "convert base -o e.sumac --type int4 --evaluate tokens.safetensors:heldout_poetry --evaluate-tokens 600",
      "output", 0
    ),
    (
      "prune base -o pe.sumac --evaluate tokens.safetensors:heldout_poetry --evaluate-tokens 600",
      "prune", 0
    ),
    (
      "batch prune base -o pruned --evaluate tokens.safetensors:heldout_poetry --evaluate-tokens 600",
      "batch", 0
    ),
    ("convert base -o f.sumac --evaluate nothing", "failure", 4),
    ("train new --arch mlp:64,16,10 -o new.sumac", "output", 0),
    (
      "train run new.sumac --data training/digits-train.npz --test training/digits-test.npz --recipe training/sgd.yaml -o run --dry-run",
      "train-plan", 0
    ),
    (
      "train run new.sumac --data training/digits-train.npz --test training/digits-test.npz --recipe training/sgd.yaml -o run",
      "train", 0
    ),
    (
      "train run new.sumac --data training/digits-test.npz --test training/digits-test.npz --recipe training/sgd.yaml -o run",
      "failure", 64
    ),
    (
      "prune new.sumac --data training/digits-train.npz --test training/digits-test.npz --recipe training/sgd.yaml --rounds 1 -o sap",
      "prune-rounds", 0
    ),
    (
      "sparcl train new.sumac --data training/digits-train.npz --tasks 0,1/2,3 --sparsity 90% --epochs 1 --divide-by 16 -o sparcl --dry-run",
      "sparcl-plan", 0
    ),
    (
      "sparcl train new.sumac --data training/digits-train.npz --tasks 0,1/2,3 --sparsity 90% --epochs 1 --divide-by 16 -o sparcl",
      "sparcl-train", 0
    ),
    (
      "sparcl train new.sumac --data training/digits-train.npz --tasks 0,11 --sparsity 90% --epochs 1 -o sparcl2",
      "failure", 64
    ),
    ("sparcl mask training/start.safetensors --sparsity 90% -o m.safetensors", "sparcl-mask", 0),
    (
      "sparcl update training/start.safetensors --mask m.safetensors --lower 0.91 --upper 0.9 --save-mask m2.sumac -o w.sumac",
      "sparcl-mask", 0
    ),
    (
      "sparcl gradmask training/start.safetensors --mask m.safetensors --sparsity 0.95 -o g.safetensors",
      "sparcl-mask", 0
    ),
    ("sparcl flops mlp:64,16,10 --sparsity 0.9 --gradient-sparsity 0.8", "sparcl-flops", 0),
    ("sparcl flops mlp:64,16,10 --sparsity 1.5 --gradient-sparsity 0.8", "failure", 64),
    ("repeats scan repeats/verses.jsonl.gz", "repeats-scan", 0),
    ("repeats scan nothing.jsonl", "failure", 4),
    ("repeats sweep repeats/sweep.yaml -o family --dry-run", "repeats-sweep-plan", 0),
    ("repeats sweep repeats/sweep.yaml -o family", "repeats-sweep", 0),
    ("repeats sweep repeats/sweep.yaml -o base", "failure", 5),
    ("plan repeats sweep repeats/sweep.yaml --into tasked -o sweep.json", "stages", 0),
    ("task sweep.json 2", "task", 0),
    (
      "repeats dedup repeats/verses.jsonl.gz --by near,paragraphs,ranges -o clean.jsonl --removed removed.jsonl",
      "repeats-dedup", 0
    ),
    ("repeats dedup repeats/verses.jsonl.gz -o other.jsonl --dry-run", "repeats-dedup", 0),
    ("repeats dedup repeats/verses.jsonl.gz -o clean.jsonl", "failure", 5),
    (
      "repeats mix training/digits-train.npz:labels --length 1 --share 50% --times 4 --tokens 16 -o mix.u16 --manifest mix.json",
      "repeats-mix", 0
    ),
    (
      "repeats mix training/digits-train.npz:labels --length 1 --share 50% --times 2 --tokens 160 -o mix2.u16",
      "failure", 64
    ),
    (
      "repeats predict --histogram base/config.json --parameters 1e9 --tokens 1e11", "failure", 3
    ),
    ("batch convert base -o many --dry-run", "batch-plan", 0),
    ("batch convert base -o many", "batch", 0), ("batch convert base -o many", "batch", 0),
    ("batch convert base malformed/shape_too_big.safetensors -o some", "batch", 2),
    ("batch convert base -o many --type int4", "failure", 64),
    ("plan prune base --into tasks --shard-size 500kB -o plan.json", "stages", 0),
    ("plan plan.json", "stages", 0), ("plan plan.json --emit make -o make", "scripts", 0),
    ("task plan.json 1-3", "task", 0), ("task plan.json 2 --dry-run", "task", 0),
    ("task plan.json --missing", "missing-tasks", 0), ("task plan.json 99", "failure", 64),
    ("plan convert base poetry --into packed -o many.json", "stages", 0),
    ("task many.json 1-2", "task", 0),
  ]

  @Test("the JSON of every command follows its schema")
  func commands() throws {
    let workspace = try Workspace()
    for (line, name, status) in Self.commands {
      let run = try CommandRun.sumac(
        line.split(separator: " ").map(String.init) + ["--json"], in: workspace.folder.path)
      #expect(run.status == status, "\(line): \(run.messages)")
      let document = try #require(
        try? JSONValue.parse(Array(run.output.utf8).span), "\(line): \(run.output)")
      let checker = SchemaChecker(try schema(name))
      #expect(checker.faults(in: document) == [], "\(line)")
    }
  }

  @Test(
    "the file of a plan follows its schema",
    arguments: [
      "plan prune base --into tasks -o plan.json",
      "plan convert base poetry --into packed -o plan.json",
      "plan repeats sweep repeats/sweep.yaml --into family -o plan.json",
    ])
  func plan(line: String) throws {
    let workspace = try Workspace()
    let run = try CommandRun.sumac(
      line.split(separator: " ").map(String.init), in: workspace.folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let bytes = try workspace.folder.bytes("plan.json")
    let document = try JSONValue.parse(bytes.span)
    let checker = SchemaChecker(try schema("tasks"))
    #expect(checker.faults(in: document) == [])
    let count = document["tasks"]?.asArray?.count ?? 0
    #expect(count >= 2)
  }

  @Test("a fault of a document is found")
  func checker() throws {
    let checker = SchemaChecker(try schema("failure"))
    let document = try JSONValue.parse(
      Array(#"{"schema": "sumac.failure/1", "path": 1}"#.utf8).span)
    let faults = checker.faults(in: document)
    #expect(faults.contains("path: has another type") && faults.contains("code: is missing"))
  }

  private func schema(_ name: String) throws -> JSONValue {
    let data = try Data(contentsOf: Self.folder.appendingPathComponent("\(name)-1.json"))
    return try JSONValue.parse([UInt8](data).span)
  }
}

/// A checker of documents for the keywords of JSON Schema that the published schemas need.
private struct SchemaChecker {
  private let root: JSONValue

  init(_ root: JSONValue) { self.root = root }

  /// Returns the faults of a document, each with its place.
  func faults(in document: JSONValue) -> [String] { faults(document, root, at: "") }

  private func faults(_ value: JSONValue, _ schema: JSONValue, at place: String) -> [String] {
    if let reference = schema["$ref"]?.asString {
      let name = reference.split(separator: "/").last.map(String.init) ?? ""
      guard let target = root["$defs"]?[name] else { return ["\(place): no definition \(name)"] }
      return faults(value, target, at: place)
    }
    if let choices = schema["oneOf"]?.asArray {
      let results = choices.map { faults(value, $0, at: place) }
      return results.contains([]) ? [] : results.min { $0.count < $1.count } ?? []
    }
    if let constant = schema["const"], constant != value {
      return ["\(place): is not the constant"]
    }
    if let choices = schema["enum"]?.asArray, !choices.contains(value) {
      return ["\(place): is none of the choices"]
    }
    if let type = schema["type"] {
      let types = type.asArray?.compactMap(\.asString) ?? [type.asString].compactMap(\.self)
      guard types.contains(where: { isType(value, $0) }) else {
        return ["\(place): has another type"]
      }
    }
    return memberFaults(value, schema, at: place) + itemFaults(value, schema, at: place)
  }

  private func memberFaults(_ value: JSONValue, _ schema: JSONValue, at place: String) -> [String] {
    guard case .object(let members) = value else { return [] }
    func inner(_ key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }
    let required = schema["required"]?.asArray?.compactMap(\.asString) ?? []
    var found = required.filter { members[$0] == nil }.map { "\(inner($0)): is missing" }
    guard case .object(let properties)? = schema["properties"] else { return found }
    for (key, property) in properties {
      if let member = members[key] { found += faults(member, property, at: inner(key)) }
    }
    return found
  }

  private func itemFaults(_ value: JSONValue, _ schema: JSONValue, at place: String) -> [String] {
    guard case .array(let items) = value else { return [] }
    if let least = schema["minItems"]?.asInt, items.count < least { return ["\(place): is short"] }
    guard let item = schema["items"] else { return [] }
    return items.enumerated().flatMap { faults($1, item, at: "\(place)[\($0)]") }
  }

  private func isType(_ value: JSONValue, _ name: String) -> Bool {
    switch value {
    case .null: name == "null"
    case .bool: name == "boolean"
    case .string: name == "string"
    case .array: name == "array"
    case .object: name == "object"
    case .number(let number): name == "number" || (name == "integer" && number.asInt != nil)
    }
  }
}
