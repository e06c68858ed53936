import Base
import Foundation
import TestSupport
import Testing

/// Tests of `report` on differences with the built program.
@Suite struct ReportPageTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try Workspace().folder
    try expectDone("prune base --by magnitude --amount 30% -o p.sumac -q")
  }

  private func run(_ line: String) throws -> CommandRun {
    try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
  }

  private func expectDone(_ line: String) throws {
    let run = try run(line)
    #expect(run.status == 0, "\(line): \(run.messages)")
  }

  /// Writes the document of `diff --only all`, changed by `edit`, and returns the run of `report` on it.
  private func report(_ edit: (inout JSONObject) -> Void) throws -> CommandRun {
    let bytes = Array(try run("diff base p.sumac --only all --json").output.utf8)
    var document = try #require(try JSONValue.parse(bytes.span).asObject)
    edit(&document)
    try folder.write(Array(JSONValue.object(document).serialized().utf8), to: "d.json")
    return try run("report --diff d.json -o d.html")
  }

  @Test("two models and the document of their difference have pages with the same table")
  func pages() throws {
    try expectDone("report base p.sumac -o models.html -q")
    let run = try report { _ in }
    #expect(run.status == 0, "\(run.messages)")
    func rows(_ name: String) throws -> Substring {
      let text = String(decoding: try folder.bytes(name), as: UTF8.self)
      return text[(try #require(text.firstRange(of: "\"rows\":"))).lowerBound...]
    }
    #expect(try rows("models.html") == rows("d.html"))
  }

  @Test("a page in the folder of its document can be replaced, and the document cannot")
  func replacing() throws {
    _ = try report { _ in }
    try expectDone("report --diff d.json -o d.html -f -q")
    let run = try run("report --diff d.json -o d.json -f")
    #expect(run.status == 64 && run.messages.contains("is a file of the input"))
  }

  @Test("the page of - is on standard output, and no file has this name")
  func standardOutput() throws {
    try expectDone("report base -o page.html -q")
    let run = try run("report base -o -")
    #expect(run.status == 0, "\(run.messages)")
    #expect(try Array(run.output.utf8) == folder.bytes("page.html"))
    #expect(!folder.exists("-"))
    #expect(try self.run("report base -o - --json").status == 64)
  }

  @Test(
    "a name of another format is refused",
    arguments: ["r.json", "r.txt", "r.svg", "r.csv", "r.sumac"])
  func otherFormats(name: String) throws {
    let run = try run("report base -o \(name)")
    #expect(run.status == 64 && run.messages.contains("ends with .html"), "\(run.messages)")
    #expect(!folder.exists(name))
  }

  @Test("a folder in place of a document has a hint", arguments: ["--batch", "--diff"])
  func folderOfDocuments(option: String) throws {
    let run = try run("report \(option) base -o r.html")
    #expect(run.status == 64 && run.messages.contains("is a folder"), "\(run.messages)")
    #expect(run.messages.contains("hint: pass what the command printed with --json"))
  }

  @Test("lines of a map that decide about no tensor are named, and error is an order of diff")
  func differences() throws {
    try folder.write(Array("lm_head.weight lm_head.weight\nnowhere somewhere\n".utf8), to: "map")
    let worst = try run("diff base p.sumac --map map --sort worst")
    #expect(
      worst.status == 0
        && worst.messages.contains("warning: map: line 2 decides about no tensor of base"),
      "\(worst.messages)")
    #expect(!worst.messages.contains("line 1"))
    #expect(try run("diff base p.sumac --sort error").output == worst.output)
  }

  @Test("an index of shards protects its folder, also under another name")
  func shards() throws {
    try expectDone("convert base -o shards --shard-size 500kB -q")
    let index = "model.safetensors.index.json"
    try folder.write(folder.bytes("shards/" + index), to: "shards/other.json")
    for name in [index, "other.json"] {
      let run = try run("diff shards/\(name) base -o shards/config.json -f")
      #expect(run.status == 64 && run.messages.contains("is a file of the input"), "\(name)")
    }
  }

  @Test(
    "a document that does not list all tensors is refused",
    arguments: [
      ("", "expected all"), ("--only all --top 5", "expected all"), ("--by-layer", "layers"),
    ])
  func incomplete(options: String, reason: String) throws {
    try expectDone("diff base p.sumac --json \(options) -o d.json")
    let run = try run("report --diff d.json -o d.html")
    #expect(run.status == 3 && run.messages.contains("[report.document]"), "\(run.messages)")
    #expect(run.messages.contains(reason) && run.messages.contains("--only all"))
    #expect(!folder.exists("d.html"))
  }

  @Test(
    "impossible numbers are refused",
    arguments: [
      ("[1099511627776, 1099511627776]", "2"), ("[-1]", "2"), ("[2]", "-2"),
      ("[2]", "4611686018427387904"),
    ])
  func numbers(shape: String, values: String) throws {
    let shape = try JSONValue.parse(Array(shape.utf8).span)
    let count = try JSONValue.parse(Array(values.utf8).span)
    let run = try report { document in
      document["tensors"] = .array(
        (document["tensors"]?.asArray ?? []).map { tensor in
          guard var edited = tensor.asObject, var side = edited["a"]?.asObject,
            var measures = edited["measures"]?.asObject
          else { return tensor }
          side["shape"] = shape
          measures["values"] = count
          edited["a"] = .object(side)
          edited["measures"] = .object(measures)
          return .object(edited)
        })
    }
    #expect(run.status == 3 && run.messages.contains("[report.document]"), "\(run.messages)")
    #expect(run.messages.contains("d.json: tensor '"))
  }

  @Test(
    "a member that is missing or of another type is named in words of JSON",
    arguments: [
      ("tensors", nil, "has no member 'tensors'"), ("counts", nil, "has no member 'counts'"),
      ("tensors", "x", "has another type of the member 'tensors', expected an array"),
      ("a", "x", "has another type of the member 'a', expected an object"),
      ("metric", "x", "has an invalid value of the member 'metric'"),
    ] as [(String, String?, String)])
  func members(key: String, value: String?, message: String) throws {
    let run = try report { $0[key] = value.map(JSONValue.string) }
    #expect(run.status == 3 && run.messages.contains(message), "\(run.messages)")
  }
}
