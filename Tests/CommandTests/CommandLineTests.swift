import Base
import Foundation
import TestSupport
import Testing

/// Tests of the command line itself: words, options, files of reports, and messages about them.
@Suite struct CommandLineTests {
  private func run(
    _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:]
  ) throws -> CommandRun {
    try CommandRun.sumac(arguments, in: folder.path, environment: environment)
  }

  // MARK: Words

  @Test(
    "a misspelt command of a group gets a suggestion",
    arguments: [
      (["vector", "aply", "x"], "sumac vector apply"), (["cache", "pak"], "sumac cache pack"),
      (["rope", "shwo", "x"], "sumac rope show"), (["help", "rope", "scal"], "sumac rope scale"),
      (["cache", "pak", "--help"], "sumac cache pack"), (["convrt"], "sumac convert"),
    ])
  func suggestions(arguments: [String], command: String) throws {
    let run = try CommandRun.sumac(arguments)
    #expect(run.status == 64)
    #expect(run.messages.contains("did you mean '\(command)'?"), "\(run.messages)")
  }

  @Test(
    "a command that a group does not have is named, and options get no far-fetched suggestion",
    arguments: [
      (["batch", "eval", "base", "--data", "x"], "sumac batch has no command 'eval'", "--quiet"),
      (["plan", "eval", "base"], "sumac plan has no command 'eval'", "Usage"),
      (
        ["plan", "repeats", "sweep", "s.yaml", "--into", "o", "-o", "p.json", "--emit", "slurm"],
        "sumac plan PLAN.json --emit ENGINE", "Did you mean"
      ),
    ])
  func misplaced(arguments: [String], message: String, other: String) throws {
    let run = try CommandRun.sumac(arguments)
    #expect(run.status == 64)
    #expect(run.messages.contains(message), "\(run.messages)")
    #expect(!run.messages.contains(other), "\(run.messages)")
  }

  @Test(
    "a sweep of prune refuses options of a model that is written",
    arguments: [
      ["--compress", "small"], ["--sealed"], ["--content-ids"], ["--no-lineage"],
      ["--aliases", "drop"], ["--companions", "all"], ["--bos", "never"],
    ])
  func sweepOptions(options: [String]) throws {
    let workspace = try Workspace()
    let run = try run(["prune", "base", "--sweep", "50%"] + options, in: workspace.folder)
    #expect(run.status == 64)
    #expect(run.messages.contains(options[0]), "\(run.messages)")
  }

  @Test(
    "a negative number is the value of the option before it",
    arguments: [
      (["prune", "base", "-o", "x.sumac", "--eta", "-1"], "--eta is -1"),
      (["inspect", "base", "-j", "-1"], "--jobs is -1"),
      (["rope", "scale", "base", "-o", "x", "--method", "yarn", "--factor", "-4"], "-4"),
      (["verify", "base", "--against", "base", "--max-abs", "-0.5"], "must be 0 or more"),
    ])
  func negativeNumbers(arguments: [String], message: String) throws {
    let workspace = try Workspace()
    let run = try run(arguments, in: workspace.folder)
    #expect(run.status == 64)
    #expect(run.messages.contains(message), "\(run.messages)")
    #expect(!run.messages.contains("Missing value"))
  }

  @Test("a negative scale is applied")
  func negativeScale() throws {
    let workspace = try Workspace()
    for arguments in [
      ["vector", "extract", "poetry", "--base", "base", "-o", "v.sumac"],
      ["vector", "apply", "v.sumac", "--base", "base", "-o", "a.sumac", "--scale", "-1"],
      ["vector", "apply", "v.sumac", "--base", "base", "-o", "b.sumac", "--scale=-1"],
    ] {
      let run = try run(arguments + ["--no-lineage"], in: workspace.folder)
      #expect(run.status == 0, "\(run.messages)")
    }
    #expect(try workspace.folder.bytes("a.sumac") == workspace.folder.bytes("b.sumac"))
  }

  @Test(
    "control characters of arguments are escaped in every message",
    arguments: [
      ["inspect", "--no-such\u{1B}[31m\nsumac: error: forged"], ["\u{1B}[31m"],
      ["convert", "a\u{1B}[31m", "-o", "b\u{9B}x.sumac"], ["explain", "x\u{1B}]0;title\u{7}"],
      ["inspect", "x", "--format", "\u{1B}[2J"], ["inspect", "x", "y\rz"],
      ["prune", "x", "-o", "y", "--amount", "\u{8}\u{1B}c"],
    ])
  func controls(arguments: [String]) throws {
    let run = try CommandRun.sumac(arguments)
    #expect(run.status != 0)
    let found = (run.messages + run.output).unicodeScalars.filter {
      ($0.value < 0x20 && $0 != "\n") || (0x7F..<0xA0).contains($0.value)
    }
    #expect(found.isEmpty, "\(run.messages.debugDescription)")
    #expect(!run.messages.contains("\nsumac: error: forged"))
  }

  @Test("a wrong SUMAC_JOBS is an error, unless --jobs is given", arguments: ["abc", "0", "-3"])
  func jobs(text: String) throws {
    let workspace = try Workspace()
    let wrong = try run(
      ["inspect", "base"], in: workspace.folder, environment: ["SUMAC_JOBS": text])
    #expect(wrong.status == 64 && wrong.messages.contains("SUMAC_JOBS is '\(text)'"))
    let given = try run(
      ["inspect", "base", "-j", "1"], in: workspace.folder, environment: ["SUMAC_JOBS": text])
    #expect(given.status == 0)
  }

  @Test(
    "a share above 1 is refused, and a percentage is suggested",
    arguments: [
      (["prune", "base", "-o", "x.sumac", "--by", "magnitude", "--amount", "50"], "50%?"),
      (
        [
          "merge", "poetry", "tech", "--base", "base", "--method", "ties", "--density", "5", "-o",
          "x",
        ], "5%?"
      ),
    ])
  func shares(arguments: [String], hint: String) throws {
    let workspace = try Workspace()
    let run = try run(arguments, in: workspace.folder)
    #expect(run.status == 64)
    #expect(run.messages.contains("did you mean \(hint)"), "\(run.messages)")
  }

  @Test(
    "parameters of a merge without a recipe are named as flags",
    arguments: [
      (["--method", "slerp"], "--method slerp needs --t"),
      (["--method", "slerp", "--t", "0.5", "--density", "0.3"], "--density does not apply to"),
    ])
  func mergeFlags(options: [String], message: String) throws {
    let workspace = try Workspace()
    let run = try run(
      ["merge", "poetry", "--base", "base", "-o", "x"] + options, in: workspace.folder)
    #expect(run.status == 64)
    #expect(run.messages.contains(message), "\(run.messages)")
  }

  @Test("an error about the masks names --save-mask")
  func saveMask() throws {
    let workspace = try Workspace()
    try workspace.folder.write([1], to: "m.safetensors")
    for (name, status) in [("m.safetensors", Int32(5)), ("m.foo", 64)] {
      let run = try run(
        ["prune", "base", "-o", "x.sumac", "--save-mask", name], in: workspace.folder)
      #expect(run.status == status)
      #expect(run.messages.contains("error: --save-mask: "), "\(run.messages)")
      #expect(!run.messages.contains("with -o") && !run.messages.contains("--to"))
    }
  }

  // MARK: Reports in files

  @Test(
    "the suffix of -o chooses the format",
    arguments: [
      ("r.json", "{"), ("r.html", "<!DOCTYPE html>"), ("r.md", "- path: base"),
      ("r.csv", "name,"), ("r.jsonl", "{\"name\":"), ("r.txt", "path "), ("report", "path "),
    ])
  func suffixes(name: String, start: String) throws {
    let workspace = try Workspace()
    let run = try run(["inspect", "base", "-o", name], in: workspace.folder)
    #expect(run.status == 0, "\(run.messages)")
    let text = String(decoding: try workspace.folder.bytes(name), as: UTF8.self)
    #expect(text.hasPrefix(start))
  }

  @Test("a suffix that the command cannot write, or that contradicts --format, is refused")
  func wrongSuffixes() throws {
    let workspace = try Workspace()
    for arguments in [
      ["-o", "r.svg"], ["-o", "r.xlsx"], ["-o", "r.csv", "--json"],
      ["-o", "r.md", "--format", "csv"],
    ] {
      let run = try run(["inspect", "base"] + arguments, in: workspace.folder)
      #expect(run.status == 64, "\(arguments)")
    }
    #expect(try workspace.folder.names().filter { $0.hasPrefix("r.") }.isEmpty)
    let plot = try run(["rope", "show", "base", "-o", "r.svg"], in: workspace.folder)
    #expect(plot.status == 0, "\(plot.messages)")
  }

  @Test("--force replaces a report, but never an input or a file inside it")
  func force() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    for name in ["config.json", "model.safetensors"] {
      try folder.write(
        [UInt8](Data(contentsOf: URL(fileURLWithPath: folder["base/" + name]))), to: "m/" + name)
    }
    try folder.write([1, 2, 3], to: "old.json")
    #expect(try run(["inspect", "m", "-o", "old.json"], in: folder).status == 5)
    #expect(try run(["inspect", "m", "-o", "old.json", "--force"], in: folder).status == 0)
    #expect(try folder.bytes("old.json").first == UInt8(ascii: "{"))
    let config = try folder.bytes("m/config.json")
    let weights = try folder.bytes("m/model.safetensors")
    for arguments in [
      ["m", "-o", "m/config.json", "-f"],
      ["m/model.safetensors", "-o", "m/model.safetensors", "-f", "--format", "text"],
    ] {
      let run = try run(["inspect"] + arguments, in: folder)
      #expect(run.status == 64, "\(run.messages)")
    }
    #expect(try folder.bytes("m/config.json") == config)
    #expect(try folder.bytes("m/model.safetensors") == weights)
  }

  // MARK: inspect

  @Test("inspect selects, orders and limits tensors, and lists layers")
  func inspect() throws {
    let workspace = try Workspace()
    func names(_ options: [String], key: String = "name", of list: String = "tensors") throws
      -> [String]
    {
      let run = try run(["inspect", "base", "--json"] + options, in: workspace.folder)
      #expect(run.status == 0, "\(run.messages)")
      let document = try JSONValue.parse(Array(run.output.utf8).span)
      return document[list]?.asArray?.compactMap { $0[key]?.asString } ?? []
    }
    #expect(
      try names(["--sort", "size", "--top", "2"]) == [
        "lm_head.weight", "model.embed_tokens.weight",
      ])
    let norms = try names(["--include", "*norm*", "--exclude", "*layers.0*"])
    #expect(!norms.isEmpty && norms.allSatisfy { $0.contains("norm") && !$0.contains("layers.0.") })
    let layers = try names(["--by-layer"], key: "layer", of: "layers")
    #expect(layers.contains("model.layers.3") && layers.contains("lm_head.weight"))
    #expect(Set(layers).count == layers.count && layers.count < 12)
    let none = try run(["inspect", "base", "--include", "nothing*"], in: workspace.folder)
    #expect(none.status == 64 && none.messages.contains("matches no tensor"))
  }

  @Test("standard input is named as such in every error")
  func standardInput() throws {
    let script = "printf 'not a model at all' | '\(CommandRun.program)' inspect -"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    let messages = Pipe()
    process.standardError = messages
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(
      decoding: messages.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 3)
    #expect(text.contains("standard input") && !text.contains("/proc/self"), "\(text)")
  }

  // MARK: explain

  @Test(
    "methods and types are topics, in letters of either case",
    arguments: [
      "pqi", "ties", "clex", "gear", "wanda", "slerp", "yarn", "kivi", "int4:g64", "INT8",
    ])
  func topics(name: String) throws {
    let run = try CommandRun.sumac(["explain", name, "--json"])
    #expect(run.status == 0, "\(run.messages)")
    let document = try JSONValue.parse(Array(run.output.utf8).span)
    #expect(document["schema"]?.asString == "sumac.topic/1")
    #expect(document["text"]?.asString?.isEmpty == false)
  }

  @Test("a misspelt topic and a misspelt type get a suggestion")
  func misspeltTopics() throws {
    let topic = try CommandRun.sumac(["explain", "tise"])
    #expect(topic.status == 64 && topic.messages.contains("did you mean 'ties'?"))
    let workspace = try Workspace()
    let type = try run(
      ["convert", "base", "-o", "x.sumac", "--type", "itn4"], in: workspace.folder)
    #expect(type.status == 64 && type.messages.contains("did you mean 'int4'?"))
  }

  @Test("types and dtypes are read in either case")
  func cases() throws {
    let workspace = try Workspace()
    for (name, type) in [("a.sumac", "INT4:G64"), ("b.sumac", "int4:g64")] {
      let run = try run(
        ["convert", "base", "-o", name, "--type", type, "--dtype", "F16", "--no-lineage"],
        in: workspace.folder)
      #expect(run.status == 0, "\(run.messages)")
    }
    #expect(try workspace.folder.bytes("a.sumac") == workspace.folder.bytes("b.sumac"))
  }
}
