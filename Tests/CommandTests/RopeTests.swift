import Foundation
import FoundationXML
import Packing
import TestSupport
import Testing

/// Tests of `rope` with the built program and real models.
@Suite struct RopeTests {
  private static func models() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["base", "clex"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder[name], withDestinationPath: Fixtures.path("models/" + name))
    }
    return folder
  }

  private static func run(_ folder: TemporaryFolder, _ line: String) throws -> CommandRun {
    try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
  }

  private static func expectDone(_ folder: TemporaryFolder, _ line: String) throws {
    let run = try run(folder, line)
    #expect(run.status == 0, "\(line): \(run.messages)")
  }

  /// Returns the frequencies and attention factor that `rope show` reports for a model.
  private static func shown(
    _ folder: TemporaryFolder, _ model: String, length: Int
  ) throws -> NSDictionary {
    let run = try run(folder, "rope show \(model) --length \(length) --json")
    #expect(run.status == 0, "\(run.messages)")
    let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
    let object = try #require(value as? [String: Any])
    #expect(object["schema"] as? String == "sumac.rope/1")
    return object.filter { ["inv_freq", "attention_factor"].contains($0.key) } as NSDictionary
  }

  @Test("a rescaled folder has all files and values of the model, except config.json")
  func folder() throws {
    let folder = try Self.models()
    try Self.expectDone(folder, "rope scale base --method yarn --factor 4 -o longer")
    #expect(try folder.names(in: "longer") == Fixtures.names(in: "models/base"))
    try Self.expectDone(folder, "verify longer/model.safetensors --against base/model.safetensors")
    for name in try folder.names(in: "longer") where !name.hasPrefix("model") {
      let isSame = try folder.bytes("longer/" + name) == Fixtures.bytes("models/base/" + name)
      #expect(isSame == (name != "config.json"), "\(name)")
    }
    // --config-only writes the same configuration, to a folder or a file.
    try Self.expectDone(folder, "rope scale base --method yarn --factor 4 -o alone --config-only")
    try Self.expectDone(
      folder, "rope scale base --method yarn --context 1024 -o other.json --config-only")
    #expect(try folder.names(in: "alone") == ["config.json"])
    #expect(try folder.bytes("alone/config.json") == folder.bytes("longer/config.json"))
    #expect(try folder.bytes("other.json") == folder.bytes("longer/config.json"))
    let lineage = try Self.run(folder, "explain longer").output
    #expect(lineage.contains("rope scale --method yarn --factor 4.0"))
  }

  @Test(
    "values keep their alignment to pages when they are copied", arguments: ["base", "moved"])
  func pages(model: String) throws {
    let folder = try Self.models()
    // A model with a header of another length.
    try FileManager.default.copyItem(
      atPath: Fixtures.path("models/base"), toPath: folder["moved"])
    let name = "moved/model.safetensors"
    var bytes = try folder.bytes(name)
    bytes.insert(contentsOf: [UInt8](repeating: 32, count: 1624), at: 8 + Self.headerLength(bytes))
    let length = UInt64(Self.headerLength(bytes) + 1624)
    bytes.replaceSubrange(
      0..<8, with: (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
    try FileManager.default.removeItem(atPath: folder[name])
    try folder.write(bytes, to: name)

    try Self.expectDone(folder, "rope scale \(model) --method pi --factor 2 -o longer")
    try Self.expectDone(folder, "verify longer/model.safetensors --against base/model.safetensors")
    let (before, after) = (
      try folder.bytes(model + "/model.safetensors"), try folder.bytes("longer/model.safetensors")
    )
    let starts = [before, after].map { Self.largestStart($0) % 4096 }
    #expect(starts[0] == starts[1])
  }

  private static func headerLength(_ bytes: [UInt8]) -> Int {
    (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
  }

  /// Returns the byte offset of the largest tensor.
  private static func largestStart(_ bytes: [UInt8]) -> Int {
    let end = 8 + headerLength(bytes)
    let header = try? JSONSerialization.jsonObject(with: Data(bytes[8..<end])) as? [String: Any]
    let ranges = (header ?? [:]).compactMap { name, value in
      (value as? [String: Any])?["data_offsets"] as? [Int]
    }
    let sizes = ranges.map { $0[1] - $0[0] }
    let largest = ranges.filter { $0[1] - $0[0] == sizes.max() }.map { $0[0] }.min()
    return end + (largest ?? 0)
  }

  @Test("a frozen CLEX model is the same for every input and output format", arguments: [2, 8])
  func formats(time: Int) throws {
    let folder = try Self.models()
    let scale = "--method clex --time \(time)"
    try Self.expectDone(folder, "rope scale clex \(scale) -o frozen")
    let wanted = try Self.shown(folder, "frozen", length: 256 * time)
    #expect(wanted["attention_factor"] as? Double == 1)
    let dynamic = try Self.shown(folder, "clex", length: 256 * time)
    let numbers = try [wanted, dynamic].map { try #require($0["inv_freq"] as? [Double]) }
    #expect(numbers[0].count == 16)
    for (a, b) in zip(numbers[0], numbers[1]) { #expect(abs(a / b - 1) < 2e-7) }

    try Self.expectDone(folder, "convert clex -o clex.sumac")
    try Self.expectDone(folder, "rope scale clex.sumac \(scale) -o frozen.sumac")
    try Self.expectDone(folder, "rope scale clex.sumac \(scale) -o unpacked")
    for model in ["frozen.sumac", "unpacked"] {
      #expect(try Self.shown(folder, model, length: 256 * time) == wanted)
      try Self.expectDone(folder, "verify \(model) --against frozen")
      let lineage = try Self.run(folder, "explain \(model)").output
      #expect(lineage.contains("rope scale --method clex --time \(time)"))
      #expect(lineage.contains("frozen \(time) 256"))
    }
    #expect(try folder.bytes("unpacked/config.json") == folder.bytes("frozen/config.json"))
    let tensors = try Self.run(folder, "inspect frozen --tensors clex*")
    #expect(!tensors.output.contains("ode_up_proj"))
  }

  @Test("nothing is overwritten, and nothing is written after an error")
  func outputs() throws {
    let folder = try Self.models()
    try folder.write([1], to: "there.json")
    for line in [
      "rope scale base --method pi --factor 2 -o there.json --config-only",
      "rope scale base --method pi --factor 2 -o base",
      "rope scale base --method pi --factor 0.5 -o new",
      "rope scale clex --method clex --context 2049 -o new",
      "rope scale clex --method clex --context 2049 -o new --config-only",
      "rope show base -o there.json",
    ] {
      let run = try Self.run(folder, line)
      #expect(run.status != 0 && run.messages.contains("error"), "\(line)")
    }
    #expect(try folder.names() == ["base", "clex", "there.json"])
    #expect(try folder.bytes("there.json") == [1])
  }

  @Test(
    "models without rotary embeddings are refused",
    arguments: [
      "rope show own", "rope show base --compare own",
      "rope scale own/config.json --config-only -o x.json",
      "rope scale own --config-only -o x",
    ])
  func noRotation(line: String) throws {
    let folder = try Self.models()
    try FileManager.default.createDirectory(
      atPath: folder["own"], withIntermediateDirectories: false)
    for type in ["bert", "gpt2", "opt", "bloom"] {
      let config =
        #"{"model_type": "\#(type)", "hidden_size": 64, "num_attention_heads": 4, "max_position_embeddings": 512}"#
      try folder.write(Array(config.utf8), to: "own/config.json")
      let method = line.hasPrefix("rope scale") ? " --method pi --factor 2" : ""
      let run = try Self.run(folder, line + method)
      #expect(run.status == 3 && run.messages.contains("[rope.none]"), "\(run.messages)")
      #expect(run.messages.contains("model of type '\(type)'") && run.output.isEmpty)
      #expect(try folder.names() == ["base", "clex", "own"])
    }
  }

  @Test("the new configuration is as private as the old one, also in its place")
  func permissions() throws {
    let folder = try TemporaryFolder()
    func mode(_ name: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: folder[name])[.posixPermissions] as? Int
    }
    try folder.write(Fixtures.bytes("models/base/config.json"), to: "own/config.json")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o600], ofItemAtPath: folder["own/config.json"])
    for output in ["x.json", "x", "own/config.json -f"] {
      try Self.expectDone(
        folder, "rope scale own --method pi --factor 2 --config-only -o \(output)")
    }
    for name in ["x.json", "x/config.json", "own/config.json"] {
      #expect(try mode(name) == 0o600, "\(name)")
    }
    #expect(try folder.bytes("own/config.json") == folder.bytes("x.json"))
  }

  @Test("a base that nothing states is assumed with a warning")
  func assumed() throws {
    let folder = try Self.models()
    let config = #"{"model_type": "own", "head_dim": 32, "max_position_embeddings": 512}"#
    try folder.write(Array(config.utf8), to: "own.json")
    for line in [
      "rope show own.json", "rope scale own.json --config-only -o x.json --method pi --factor 2",
    ] {
      let run = try Self.run(folder, line)
      #expect(run.status == 0)
      #expect(run.messages.contains("the base 10000.0 is assumed"), "\(run.messages)")
    }
  }

  @Test("a plot is an SVG file with a line for each series")
  func plot() throws {
    let folder = try Self.models()
    try Self.expectDone(
      folder, "rope show base --compare yarn:4 --compare clex --length 2048 -o plot.svg")
    let parser = XMLParser(data: Data(try folder.bytes("plot.svg")))
    let elements = XMLElements()
    parser.delegate = elements
    #expect(parser.parse())
    #expect(elements.counts["polyline"] == 3)
    #expect(elements.counts["svg"] == 1)
  }
}

/// Counts the elements of a document.
private final class XMLElements: NSObject, XMLParserDelegate {
  private(set) var counts: [String: Int] = [:]

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    counts[name, default: 0] += 1
  }
}
