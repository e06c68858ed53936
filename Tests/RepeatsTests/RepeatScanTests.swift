import Base
import Foundation
import Repeats
import Reporting
import Testing

/// Tests of a scan against a comparison of all documents and all places by another program.
@Suite struct RepeatScanTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/repeats")
    .path

  private static func scan(
    _ path: String, _ settings: ScanSettings = ScanSettings(), jobs: Int = 1,
    memory: Int = 1 << 31
  ) throws -> JSONValue {
    let cancellation = Cancellation()
    let reader = DataReader(
      DataSettings(paths: [path]), temporaryFolder: "/tmp", memory: memory,
      cancellation: cancellation, note: { _ in })
    let scan = try RepeatScan(
      reader.corpus(), settings, memory: memory, temporaryFolder: "/tmp",
      parallel: Parallel(jobs: jobs, cancellation: cancellation))
    return try RepeatScanReport(scan).document
  }

  private static func expected() throws -> JSONValue {
    let file = try InputFile(path: folder + "/expected.json")
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    return try JSONValue.parse(bytes.span)
  }

  private static func sorted(_ groups: JSONValue?) -> [[String]] {
    (groups?.asArray ?? []).map { ($0.asArray ?? []).compactMap(\.asString) }
      .sorted { $0[0] < $1[0] }
  }

  @Test("a scan finds what a comparison of everything finds", arguments: [1, 3])
  func golden(jobs: Int) throws {
    var settings = ScanSettings()
    settings.window = 8
    let found = try Self.scan(Self.folder + "/verses.jsonl.gz", settings, jobs: jobs)
    let expected = try Self.expected()
    #expect(found["documents"] == expected["documents"])
    #expect(found["units"] == expected["bytes"])
    #expect(Self.sorted(found["equal_documents"]?["list"]) == Self.sorted(expected["equal"]))
    #expect(Self.sorted(found["equal_words"]?["list"]) == Self.sorted(expected["words"]))
    #expect(found["ranges"]?["starts"] == expected["starts"])
    let ranges = (found["ranges"]?["list"]?.asArray ?? []).map { [$0["start"], $0["end"]] }
    let known = (expected["ranges"]?.asArray ?? []).map { [$0.asArray?[0], $0.asArray?[1]] }
    #expect(ranges == known && !known.isEmpty)
    var windows: [String: Int] = [:]
    for entry in found["histogram"]?["windows"]?["classes"]?.asArray ?? [] {
      windows["\(entry["times"]?.asInt ?? 0)"] = entry["distinct"]?.asInt
    }
    var counts: [String: Int] = [:]
    for (times, count) in expected["windows"]?.asObject ?? [:] { counts[times] = count.asInt }
    #expect(windows == counts)
  }

  @Test("all similar pairs are reported with their similarity")
  func pairs() throws {
    let found = try Self.scan(Self.folder + "/verses.jsonl.gz")
    var similarities: [String: Int] = [:]
    for pair in found["near"]?["list"]?.asArray ?? [] {
      let key = "\(pair["first"]?.asString ?? "")|\(pair["second"]?.asString ?? "")"
      similarities[key] = pair["similarity"]?.asDouble.map { Int(($0 * 1e6).rounded()) }
    }
    var expected: [String: Int] = [:]
    for (key, value) in try Self.expected()["pairs"]?.asObject ?? [:] {
      expected[key] = value.asDouble.map { Int(($0 * 1e6).rounded()) }
    }
    #expect(similarities == expected && expected.count > 20)
  }

  @Test("threads do not change a report")
  func threads() throws {
    let path = Self.folder + "/verses.jsonl.gz"
    let text = try Self.scan(path, jobs: 1)
    let other = try Self.scan(path, jobs: 2)
    #expect(text == other)
  }

  private static func ranges(
    _ path: String, length: Int, memory: Int
  ) throws -> RepeatedRanges {
    let reader = DataReader(
      DataSettings(paths: [path]), temporaryFolder: "/tmp", memory: memory,
      cancellation: Cancellation(), note: { _ in })
    return try RepeatedRanges(
      reader.corpus(), length: length, memory: memory,
      parallel: Parallel(jobs: 2, cancellation: Cancellation()))
  }

  @Test("ranges do not depend on the memory, which decides how often the text is read")
  func readings() throws {
    let path = Self.folder + "/verses.jsonl.gz"
    let few = try Self.ranges(path, length: 8, memory: 1 << 20)
    let many = try Self.ranges(path, length: 8, memory: 1 << 28)
    #expect(few.readingCount > 1 && many.readingCount == 1)
    #expect(few.starts == many.starts && few.laterStarts == many.laterStarts)
    #expect(many.starts.count > 1000)
  }

  @Test("a text with more occurrences than fit into memory is compared by pairs of parts")
  func pairsOfParts() throws {
    let path = FileManager.default.temporaryDirectory.path + "/repeats-\(UUID().uuidString).txt"
    let random = Philox4x32(key: (5, 5))
    let line = (0..<120).map { UInt8(97 + random.block(low: UInt64($0)).x % 26) }
    // The number after each line keeps the text from being periodic.
    let text = (0..<2000).flatMap { number in line + Array("\(number * 7919)\n".utf8) }
    try Data(text).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let few = try Self.ranges(path, length: 100, memory: 1 << 20)
    let many = try Self.ranges(path, length: 100, memory: 1 << 28)
    #expect(few.comparedCount > many.comparedCount)
    #expect(few.starts == many.starts && few.laterStarts == many.laterStarts)
    // Each line has 21 places for 100 of its bytes, at the least.
    #expect(many.starts.count >= 21 * 2000)
    #expect(many.starts.count - many.laterStarts.count >= 21)
  }

  @Test("rows of token ids are documents")
  func tokens() throws {
    let path = FileManager.default.temporaryDirectory.path + "/repeats-\(UUID().uuidString).u16"
    let row = (0..<120).map { UInt16($0 * 7 % 97) }
    let ids = row + (0..<30).map { UInt16(200 + $0) } + row
    let bytes = ids.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    try Data(bytes).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let found = try Self.scan(path)
    #expect(found["unit"] == "token" && found["units"] == 270)
    let ranges = found["ranges"]?["list"]?.asArray ?? []
    #expect(ranges.first?["start"] == 0 && ranges.last?["end"] == 270)
    // The row repeats itself after 97 tokens for fewer than 50 tokens, and as a whole after 150.
    #expect(found["ranges"]?["starts"] == 142)
  }

  @Test(
    "malformed lines are errors with their place",
    arguments: [
      ("{\"text\": 1}\n", "line 1"), ("{\"text\": \"a\"}\n{\"txt\": \"b\"}\n", "line 2"),
      ("{\"text\": \"a\"}\n{", "line 2"), ("{\"text\": \"\u{0}\"}\n", "line 1"),
      ("", "no documents"),
    ])
  func malformed(text: String, place: String) throws {
    let path = FileManager.default.temporaryDirectory.path + "/repeats-\(UUID().uuidString).jsonl"
    try Data(text.utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect {
      try Self.scan(path)
    } throws: {
      ($0 as? any UserError)?.description.contains(place) ?? false
    }
  }
}

@Suite struct RepeatBandTests {
  @Test(
    "edges are those of the published fits",
    arguments: [
      (1.5e6, 1460.9595286724664, 41641.32562731403), (10e6, 504.951062539313, 16127.616066858734),
      (100e6, 139.07507102268812, 5100), (800e6, 43.40291493707073, 1803.1222920256962),
      (175e9, 2.123968067571086, 121.91331815210816),
    ])
  func edges(parameters: Double, left: Double, right: Double) {
    let band = RepeatBand(parameters: parameters)
    #expect(abs(band.left / left - 1) < 1e-12 && abs(band.right / right - 1) < 1e-12)
    #expect(band.position(ofRepeats: left * 0.99) == .below)
    #expect(band.position(ofRepeats: (left + right) / 2) == .inside)
    #expect(band.position(ofRepeats: right * 1.01) == .above)
  }

  @Test("a prediction warns, and names its band and the nearest point")
  func prediction() {
    let report = PredictionReport(
      [.init(times: 1, share: 0.9), .init(times: 100, share: 0.1)], basis: "documents",
      parameters: 800e6, tokens: 100e9, epochs: 1)
    let classes = report.members["classes"]?.asArray ?? []
    #expect(classes.map { $0["position"] } == ["below", "inside"])
    #expect(classes[1]["nearest"]?["repeats"] == .init(100.0))
    #expect(report.members["share_inside"]?.asDouble == 0.1)
    #expect(report.warnings.contains { $0.hasPrefix("10.0 %") })
  }

  @Test("a corpus that is read several times is not a repeated subset")
  func epochs() {
    let report = PredictionReport(
      [.init(times: 1, share: 1)], basis: "documents", parameters: 800e6, tokens: 4e9, epochs: 4)
    #expect(report.warnings.first?.hasPrefix("All tokens are seen equally often") == true)
  }
}
