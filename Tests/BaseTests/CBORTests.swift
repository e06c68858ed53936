import Base
import TestSupport
import Testing

@Suite("CBOR")
struct CBORTests {
  /// Invalid bytes and the expected error.
  struct Fault: Sendable, CustomTestStringConvertible {
    var bytes: [UInt8]
    var error: CBORError

    init(_ hex: String, _ problem: CBORError.Problem, at byteOffset: Int) {
      bytes = CBORTests.bytes(hex)
      error = CBORError(problem, at: byteOffset)
    }

    var testDescription: String { "\(error)" }
  }

  static let faults = [
    Fault("", .truncated(needed: 1, available: 0), at: 0),
    Fault("18", .truncated(needed: 1, available: 0), at: 1),
    Fault("1b0000", .truncated(needed: 8, available: 2), at: 1),
    Fault("fb7ff8", .truncated(needed: 8, available: 2), at: 1),
    Fault("f8", .truncated(needed: 1, available: 0), at: 1),
    Fault("1817", .notShortest, at: 0),
    Fault("1900ff", .notShortest, at: 0),
    Fault("1a0000ffff", .notShortest, at: 0),
    Fault("1b00000000ffffffff", .notShortest, at: 0),
    Fault("3817", .notShortest, at: 0),
    Fault("580161", .notShortest, at: 0),
    Fault("780161", .notShortest, at: 0),
    Fault("9801f6", .notShortest, at: 0),
    Fault("b80161f6", .notShortest, at: 0),
    Fault("5f41ffff", .indefiniteLength, at: 0),
    Fault("7fff", .indefiniteLength, at: 0),
    Fault("9fff", .indefiniteLength, at: 0),
    Fault("bfff", .indefiniteLength, at: 0),
    Fault("1c", .reservedHead(0x1C), at: 0),
    Fault("1f", .reservedHead(0x1F), at: 0),
    Fault("7d", .reservedHead(0x7D), at: 0),
    Fault("ff", .reservedHead(0xFF), at: 0),
    Fault("fc", .reservedHead(0xFC), at: 0),
    Fault("c000", .tag, at: 0),
    Fault("d9d9f700", .tag, at: 0),
    Fault("f7", .simpleValue(23), at: 0),
    Fault("e0", .simpleValue(0), at: 0),
    Fault("f8ff", .simpleValue(255), at: 0),
    Fault("f814", .simpleValue(20), at: 0),
    Fault("f90000", .narrowFloat(bits: 16), at: 0),
    Fault("fa00000000", .narrowFloat(bits: 32), at: 0),
    Fault("fb7ff8000000000001", .nonCanonicalNaN, at: 0),
    Fault("fbfff8000000000000", .nonCanonicalNaN, at: 0),
    Fault("62c328", .invalidUTF8, at: 1),
    Fault("63eda080", .invalidUTF8, at: 1),
    Fault("a10001", .keyNotText(.unsigned), at: 1),
    Fault("a14000", .keyNotText(.bytes), at: 1),
    Fault("a2616200616100", .keyOrder, at: 4),
    Fault("a262616100616200", .keyOrder, at: 5),
    Fault("a2616100616100", .duplicateKey("a"), at: 4),
    Fault("0000", .trailingBytes(count: 1), at: 1),
    Fault("82000000", .trailingBytes(count: 1), at: 3),
    // Lengths that exceed the input.
    Fault("4261", .truncated(needed: 2, available: 1), at: 1),
    Fault("7bffffffffffffffff61", .truncated(needed: .max, available: 1), at: 9),
    Fault("8300", .truncated(needed: 3, available: 1), at: 1),
    Fault("9b7fffffffffffffff00", .truncated(needed: 1 << 63 - 1, available: 1), at: 9),
    Fault("bb8000000000000001", .truncated(needed: .max, available: 0), at: 9),
    Fault("a26000f6", .truncated(needed: 4, available: 3), at: 1),
    Fault("a1", .truncated(needed: 2, available: 0), at: 1),
  ]

  @Test("Input outside the subset is rejected, both as a tree and when skipped", arguments: faults)
  func refuses(fault: Fault) {
    #expect(throws: fault.error) { try CBORValue.parse(fault.bytes.span) }
    #expect(throws: fault.error) { try skip(fault.bytes) }
  }

  /// The examples of RFC 8949, appendix A, that are in the subset, and additional edge cases.
  static let examples: [(String, CBORValue)] = [
    ("00", 0), ("17", 23), ("1818", 24), ("18ff", 255), ("190100", 256), ("19ffff", 65535),
    ("1a00010000", 65536), ("1affffffff", 0xFFFF_FFFF), ("1b0000000100000000", 0x1_0000_0000),
    ("1bffffffffffffffff", .unsigned(.max)), ("20", -1), ("3903e7", -1000),
    ("3b7fffffffffffffff", .init(.min)), ("3bffffffffffffffff", .negative(.max)),
    ("fb3ff199999999999a", 1.1), ("fb8000000000000000", .float(-0.0)),
    ("fb7ff0000000000000", .float(.infinity)), ("fb7ff8000000000000", .float(.nan)),
    ("f4", false), ("f5", true), ("f6", .null), ("40", .bytes([])),
    ("4401020304", .bytes([1, 2, 3, 4])),
    ("60", ""), ("6161", "a"), ("62225c", "\"\\"), ("62c3bc", "ü"), ("64f0908591", "\u{10151}"),
    ("80", []), ("8301820203820405", [1, [2, 3], [4, 5]]), ("a0", [:]),
    ("a26161016162820203", ["a": 1, "b": [2, 3]]),
    ("a3616102616204626161f6", ["aa": .null, "b": 4, "a": 2]),
  ]

  @Test("An item encodes to its bytes, and the bytes parse to the item", arguments: examples)
  func example(hex: String, value: CBORValue) throws {
    #expect(value.encoded == Self.bytes(hex))
    #expect(try CBORValue.parse(Self.bytes(hex).span) == value)
    try skip(Self.bytes(hex))
  }

  @Test(
    "Every NaN is written as the canonical NaN", arguments: [0x7FF8_0000_0000_0001, 0xFFF8 << 48])
  func nan(bitPattern: UInt64) {
    #expect(
      CBORValue.float(Double(bitPattern: bitPattern)).encoded == Self.bytes("fb7ff8000000000000"))
  }

  @Test(
    "An integer is read as Int if it fits",
    arguments: [
      ("1b7fffffffffffffff", .max), ("3b7fffffffffffffff", .min), ("3903e7", -1000),
      ("1b8000000000000000", nil), ("3b8000000000000000", nil), ("60", nil),
    ] as [(String, Int?)])
  func int(hex: String, value: Int?) throws {
    let bytes = Self.bytes(hex)
    var reader = CBORReader(bytes.span)
    let read = try? reader.readInt()
    #expect(read == value)
    #expect(try CBORValue.parse(bytes.span).asInt == value)
  }

  @Test("Sixteen levels of nesting are allowed, seventeen are not", arguments: ["81", "a160"])
  func depth(open: String) throws {
    let nested = Self.bytes(String(repeating: open, count: 16) + "00")
    #expect(try CBORValue.parse(nested.span).encoded == nested)
    try skip(nested)
    let deeper = Self.bytes(String(repeating: open, count: 17) + "00")
    let error = CBORError(.tooDeep(limit: 16), at: 16 * open.count / 2)
    #expect(throws: error) { try CBORValue.parse(deeper.span) }
    #expect(throws: error) { try skip(deeper) }
  }

  @Test(
    "Items are counted with keys, and before they are read",
    arguments: [("8101", 2, 0), ("a16082f6f6", 5, 2), ("8281008101", 5, 3), ("83606001", 4, 0)])
  func itemLimit(hex: String, count: Int, byteOffset: Int) throws {
    let bytes = Self.bytes(hex)
    _ = try CBORValue.parse(bytes.span, itemLimit: count)
    #expect(throws: CBORError(.tooManyItems(limit: count - 1), at: byteOffset)) {
      try CBORValue.parse(bytes.span, itemLimit: count - 1)
    }
  }

  @Test("Items are pulled in order, unknown ones skipped")
  func pull() throws {
    let value: CBORValue = [
      "b": ["x", 2, -3], "aa": .bytes([7]), "skip": ["q": [1.5, .null]], "yes": true, "f": 0.5,
    ]
    let encoded = value.encoded
    var reader = CBORReader(encoded.span)
    var seen: [String] = []
    let pairCount = try reader.enterMap()
    #expect(pairCount == 5)
    while let key = try reader.nextKey() {
      seen.append(key)
      switch key {
      case "b":
        seen.append("\(try reader.enterArray()) elements")
        while reader.nextElement() {
          switch try reader.peekKind() {
          case .text: seen.append(try reader.readText())
          case .unsigned: seen.append("\(try reader.readUInt())")
          default: seen.append("\(try reader.readInt())")
          }
        }
      case "aa": seen.append("\(try reader.readBytes())")
      case "yes": seen.append("\(try reader.readBool())")
      case "f": seen.append("\(try reader.readFloat())")
      default: try reader.skipValue()
      }
    }
    try reader.finish()
    #expect(
      seen == ["b", "3 elements", "x", "2", "-3", "f", "0.5", "aa", "[7]", "yes", "true", "skip"])
  }

  @Test("An item of another kind than requested is rejected")
  func wrongKind() {
    let error = CBORError(.wrongKind(.array, expected: .text), at: 0)
    #expect(throws: error) {
      var reader = CBORReader(([0x80] as [UInt8]).span)
      _ = try reader.readText()
    }
  }

  @Test("A writer sorts the pairs of maps, including nested maps", arguments: [1, 3, 23, 24, 300])
  func writerSorts(count: Int) throws {
    var generator = SeededGenerator(seed: UInt64(count))
    var writer = CBORWriter()
    var expected = CBORMap()
    writer.beginMap()
    for i in (0..<count).shuffled(using: &generator) {
      writer.key("\(i)")
      writer.beginMap()
      for inner in ["z", "long", "a"] {
        writer.key(inner)
        writer.value(i)
      }
      writer.endMap()
      expected["\(i)"] = ["a": .init(i), "z": .init(i), "long": .init(i)]
    }
    writer.endMap()
    #expect(writer.bytes == CBORValue.map(expected).encoded)
    #expect(try CBORValue.parse(writer.bytes.span) == .map(expected))
  }

  @Test("Canonically equivalent keys with different bytes are different keys")
  func canonicalEquivalence() throws {
    let map: CBORMap = ["\u{E9}": 1, "e\u{301}": 2]
    #expect(map.count == 2 && map["\u{E9}"] == 1 && map["e\u{301}"] == 2)
    #expect(try CBORValue.parse(CBORValue.map(map).encoded.span) == .map(map))
    #expect(CBORValue.text("\u{E9}") != .text("e\u{301}"))
  }

  @Test("A map can be changed and stays sorted")
  func map() {
    var map: CBORMap = ["bb": 1, "a": 2, "c": 3]
    map["c"] = nil
    map["none"] = nil
    map["bb"] = 4
    #expect(map.map(\.key) == ["a", "bb"])
    #expect(map["bb"] == 4 && map["c"] == nil)
  }

  @Test(
    "Encoded values parse to the same value, and truncated ones are rejected",
    arguments: 0..<40 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let value = CBORValue.array([Self.random(depth: 4, &generator)])
    let bytes = value.encoded
    #expect(try CBORValue.parse(bytes.span) == value)
    for end in stride(from: 0, to: bytes.count, by: 1 + bytes.count / 300) {
      #expect(throws: CBORError.self) { try CBORValue.parse(bytes.span.extracting(first: end)) }
    }
  }

  @Test(
    "Accepted bytes are the only encoding of their value", arguments: 0..<40 as Range<UInt64>)
  func onlyEncoding(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let bytes = CBORValue.array([Self.random(depth: 3, &generator)]).encoded
    for _ in 0..<300 {
      var broken = bytes
      broken[.random(in: 0..<bytes.count, using: &generator)] = .random(
        in: 0...255, using: &generator)
      let tree = Result { () throws(CBORError) in try CBORValue.parse(broken.span) }
      let skipped = Result { () throws(CBORError) in try skip(broken) }
      switch (tree, skipped) {
      case (.success(let value), .success): #expect(value.encoded == broken)
      case (.failure(let left), .failure(let right)): #expect(left == right)
      case (.success, .failure), (.failure, .success): Issue.record("\(tree) and \(skipped)")
      }
    }
  }
}

extension CBORTests {
  private func skip(_ bytes: [UInt8]) throws(CBORError) {
    var reader = CBORReader(bytes.span)
    try reader.skipValue()
    try reader.finish()
  }

  static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.map { UInt8($0.hexDigitValue!) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  private static func random(depth: Int, _ generator: inout SeededGenerator) -> CBORValue {
    switch Int.random(in: depth > 0 ? 0...8 : 2...8, using: &generator) {
    case 0: return .array((0..<4).map { _ in random(depth: depth - 1, &generator) })
    case 1:
      var map = CBORMap()
      for _ in 0..<Int.random(in: 0...30, using: &generator) {
        map[text(&generator)] = random(depth: depth - 1, &generator)
      }
      return .map(map)
    case 2: return .float(Double(bitPattern: generator.next()))
    case 3: return .unsigned(generator.next() >> Int.random(in: 0...63, using: &generator))
    case 4: return .negative(generator.next() >> Int.random(in: 0...63, using: &generator))
    case 5: return .bool(.random(using: &generator))
    case 6: return .null
    case 7: return .bytes(Array(text(&generator).utf8).reversed())
    default: return .text(text(&generator))
    }
  }

  private static func text(_ generator: inout SeededGenerator) -> String {
    let parts = ["a", "b", "\0", "é", "e\u{301}", "€", "😀", "a longer one than others"]
    return (0..<Int.random(in: 0...4, using: &generator)).map { _ in
      parts.randomElement(using: &generator)!
    }.joined()
  }
}
