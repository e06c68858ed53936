import Base
import TestSupport
import Testing

@Suite("JSON")
struct JSONTests {
  /// An invalid text and the expected error.
  struct Fault: Sendable, CustomTestStringConvertible {
    var bytes: [UInt8]
    var problem: JSONError.Problem
    var byteOffset: Int

    init(_ text: String, _ problem: JSONError.Problem, at byteOffset: Int) {
      self.init(Array(text.utf8), problem, at: byteOffset)
    }

    init(_ bytes: [UInt8], _ problem: JSONError.Problem, at byteOffset: Int) {
      self.bytes = bytes
      self.problem = problem
      self.byteOffset = byteOffset
    }

    var testDescription: String { String(String(decoding: bytes, as: UTF8.self).prefix(60)) }
    var error: JSONError { JSONError(problem, at: byteOffset) }
  }

  static let brokenValues = [
    Fault("", .unexpectedEnd(expected: .value), at: 0),
    Fault(" ", .unexpectedEnd(expected: .value), at: 1),
    Fault("\u{FEFF}{}", .byteOrderMark, at: 0),
    Fault("hello world!", .unexpectedByte(0x68, expected: .value), at: 0),
    Fault("[NaN]", .unexpectedByte(0x4E, expected: .value), at: 1),
    Fault("[Infinity]", .unexpectedByte(0x49, expected: .value), at: 1),
    Fault("[-Infinity]", .unexpectedByte(0x49, expected: .digit), at: 2),
    Fault("nul", .unexpectedEnd(expected: .literal), at: 3),
    Fault("nulL", .unexpectedByte(0x4C, expected: .literal), at: 3),
    Fault("True", .unexpectedByte(0x54, expected: .value), at: 0),
    Fault("{}xx", .trailingBytes(first: 0x78), at: 2),
    Fault("{}\0", .trailingBytes(first: 0), at: 2),
    Fault("{}{}", .trailingBytes(first: 0x7B), at: 2),
    Fault("[1,2", .unexpectedEnd(expected: .commaOrArrayEnd), at: 4),
    Fault("[", .unexpectedEnd(expected: .valueOrEnd), at: 1),
    Fault("[,1]", .unexpectedByte(0x2C, expected: .value), at: 1),
    Fault("[1,]", .trailingComma, at: 2),
    Fault("[1 2]", .unexpectedByte(0x32, expected: .commaOrArrayEnd), at: 3),
    Fault("[1}", .unexpectedByte(0x7D, expected: .commaOrArrayEnd), at: 2),
    Fault("{", .unexpectedEnd(expected: .keyOrEnd), at: 1),
    Fault("{\"x\":1,}", .trailingComma, at: 6),
    Fault("{/*c*/\"x\":1}", .unexpectedByte(0x2F, expected: .keyOrEnd), at: 1),
    Fault("{'x':1}", .unexpectedByte(0x27, expected: .keyOrEnd), at: 1),
    Fault("{x:1}", .unexpectedByte(0x78, expected: .keyOrEnd), at: 1),
    Fault("{\"x\":1,2}", .unexpectedByte(0x32, expected: .key), at: 7),
    Fault("{\"x\" 1}", .unexpectedByte(0x31, expected: .colon), at: 5),
    Fault("{\"x\":}", .unexpectedByte(0x7D, expected: .value), at: 5),
    Fault("{\"x\":1]", .unexpectedByte(0x5D, expected: .commaOrObjectEnd), at: 6),
    Fault("[1]\u{A0}", .trailingBytes(first: 0xC2), at: 3),
  ]

  static let brokenNumbers = [
    Fault("[02]", .leadingZero, at: 1),
    Fault("[-00]", .leadingZero, at: 2),
    Fault("-", .unexpectedEnd(expected: .digit), at: 1),
    Fault("[1.]", .unexpectedByte(0x5D, expected: .digit), at: 3),
    Fault("[.5]", .unexpectedByte(0x2E, expected: .value), at: 1),
    Fault("[+1]", .unexpectedByte(0x2B, expected: .value), at: 1),
    Fault("[1e+]", .unexpectedByte(0x5D, expected: .digit), at: 4),
    Fault("[0x10]", .unexpectedByte(0x78, expected: .commaOrArrayEnd), at: 2),
    Fault("[1_0]", .unexpectedByte(0x5F, expected: .commaOrArrayEnd), at: 2),
  ]

  static let brokenStrings = [
    Fault("\"a", .unexpectedEnd(expected: .stringEnd), at: 2),
    Fault("\"a\u{1}b\"", .controlCharacter(1), at: 2),
    Fault("\"a\nb\"", .controlCharacter(0x0A), at: 2),
    Fault(#""\x""#, .unexpectedByte(0x78, expected: .escape), at: 2),
    Fault(#""\"#, .unexpectedEnd(expected: .escape), at: 2),
    Fault(#""\u12g4""#, .unexpectedByte(0x67, expected: .hexDigit), at: 5),
    Fault(#""\u12"#, .unexpectedEnd(expected: .hexDigit), at: 5),
    Fault(#""\ud800""#, .loneSurrogate(0xD800), at: 1),
    Fault(#""\ud800\n""#, .loneSurrogate(0xD800), at: 1),
    Fault(#""\ud800A""#, .loneSurrogate(0xD800), at: 1),
    Fault(#""\udc00""#, .loneSurrogate(0xDC00), at: 1),
    Fault([0x22, 0xFF, 0xFE, 0x22], .invalidUTF8, at: 1),
    Fault([0x22, 0x61, 0xC0, 0xAF, 0x22], .invalidUTF8, at: 2),
    Fault([0x22, 0xED, 0xA0, 0x80, 0x22], .invalidUTF8, at: 1),
    Fault([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], .invalidUTF8, at: 1),
    Fault([0x22, 0xE2, 0x82, 0x22], .invalidUTF8, at: 1),
    Fault([0x22, 0x5C, 0x6E, 0x80, 0x22], .invalidUTF8, at: 3),
  ]

  @Test(
    "An invalid text is rejected, both as a tree and when skipped",
    arguments: brokenValues + brokenNumbers + brokenStrings)
  func refuses(fault: Fault) {
    #expect(throws: fault.error) { try JSONValue.parse(fault.bytes.span) }
    #expect(throws: fault.error) { try skip(fault.bytes) }
  }

  @Test(
    "A duplicate key is rejected; keys are compared after decoding escapes",
    arguments: [
      Fault(#"{"x":1,"x":1}"#, .duplicateKey("x"), at: 7),
      Fault(#"{"x":1,"\u0078":2}"#, .duplicateKey("x"), at: 7),
      Fault(#"{"a":{"b":1,"b":1}}"#, .duplicateKey("b"), at: 12),
      Fault(
        "{" + (0..<20).map { "\"k\($0)\":0," }.joined() + "\"k3\":1}", .duplicateKey("k3"), at: 151),
    ])
  func refusesDuplicates(fault: Fault) throws {
    #expect(throws: fault.error) { try JSONValue.parse(fault.bytes.span) }
    try skip(fault.bytes)
  }

  @Test("Canonically equivalent keys with different bytes are different keys")
  func canonicalEquivalence() throws {
    let value = try parse("{\"\u{E9}\":1,\"e\u{301}\":2}")
    #expect(value.asObject?.count == 2)
    #expect(value["\u{E9}"] == 1)
    #expect(value["e\u{301}"] == 2)
    #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
  }

  @Test(
    "A valid text parses to its value",
    arguments: [
      (" \t\r\n[ ] ", []), ("{}", [:]), ("null", .null), ("true", true), ("-9", -9),
      (#"{"b":[1,false],"a":{}}"#, ["b": [1, false], "a": [:]]),
      (#""\"\\\/\b\f\n\r\t\u0041\u00e9""#, "\"\\/\u{8}\u{C}\n\r\tA\u{E9}"),
      (#""\ud83d\ude00\u0000é€😀""#, "😀\0é€😀"),
      ("\"\u{7F}\u{2028}\"", "\u{7F}\u{2028}"),
    ] as [(String, JSONValue)])
  func reads(text: String, value: JSONValue) throws {
    #expect(try parse(text) == value)
    try skip(Array(text.utf8))
  }

  @Test("Nesting is allowed up to the limit", arguments: [1, 3, 128])
  func depth(limit: Int) throws {
    for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
      let core = open == "[" ? "" : "0"
      func nested(_ depth: Int) -> String {
        String(repeating: open, count: depth) + core + String(repeating: close, count: depth)
      }
      try skip(Array(nested(limit).utf8), depthLimit: limit)
      _ = try JSONValue.parse(nested(limit).utf8.span, depthLimit: limit)
      let error = JSONError(.tooDeep(limit: limit), at: limit * open.utf8.count)
      let bomb = Array(String(repeating: open, count: 100_000).utf8)
      #expect(throws: error) { try skip(bomb, depthLimit: limit) }
      #expect(throws: error) {
        try JSONValue.parse(nested(limit + 1).utf8.span, depthLimit: limit)
      }
    }
  }

  @Test(
    "An unsigned integer is read exactly or rejected",
    arguments: [
      ("0", .success(0)), ("18446744073709551615", .success(.max)),
      ("18446744073709551616", .failure(JSONError(.overflow, at: 0))),
      ("99999999999999999999999", .failure(JSONError(.overflow, at: 0))),
      ("-8", .failure(JSONError(.negative, at: 0))),
      ("-0", .failure(JSONError(.notAnInteger, at: 0))),
      ("2.0", .failure(JSONError(.notAnInteger, at: 0))),
      ("2e0", .failure(JSONError(.notAnInteger, at: 0))),
      ("02", .failure(JSONError(.leadingZero, at: 0))),
      ("null", .failure(JSONError(.wrongKind(.null, expected: .number), at: 0))),
      ("\"2\"", .failure(JSONError(.wrongKind(.string, expected: .number), at: 0))),
    ] as [(String, Result<UInt64, JSONError>)])
  func unsigned(text: String, result: Result<UInt64, JSONError>) {
    #expect(
      Result { () throws(JSONError) in
        var reader = JSONReader(text.utf8.span)
        return try reader.readUInt64()
      } == result)
  }

  @Test(
    "A signed integer is read exactly or rejected",
    arguments: [
      ("9223372036854775807", .max), ("-9223372036854775808", .min), ("-1", -1),
      ("9223372036854775808", nil), ("-9223372036854775809", nil), ("-0", nil), ("1e2", nil),
    ] as [(String, Int?)])
  func signed(text: String, value: Int?) throws {
    var reader = JSONReader(text.utf8.span)
    let read = try? reader.readInt()
    #expect(read == value)
    #expect(try parse(text).asInt == value)
  }

  @Test(
    "A number keeps its text and converts to the nearest Double",
    arguments: [
      ("1.50", 1.5), ("-0", -0.0), ("1E-2", 0.01), ("5e-324", .leastNonzeroMagnitude),
      ("1e999", nil),
    ] as [(String, Double?)])
  func numbers(text: String, value: Double?) throws {
    let number = try #require(try parse(text).asNumber)
    #expect(number.text == text)
    #expect(number.asDouble == value)
    #expect(JSONNumber(text) == number)
  }

  @Test(
    "Text that is not a number is rejected", arguments: ["", " 1", "1 ", "+1", "nan", "01", "1,"])
  func noNumber(text: String) { #expect(JSONNumber(text) == nil) }

  @Test("Values are pulled in order, unknown ones skipped")
  func pull() throws {
    let text = #"{"w":{"dtype":"BF16","x":[{"y":[]}],"shape":[2,3]}, "v":null}"#
    var reader = JSONReader(text.utf8.span)
    var seen: [String] = []
    try reader.enterObject()
    while let name = try reader.nextKey() {
      seen.append("\(name)@\(reader.keyByteOffset)")
      guard try reader.peekKind() == .object else {
        try reader.readNull()
        continue
      }
      try reader.enterObject()
      while let key = try reader.nextKey() {
        switch key {
        case "dtype": seen.append(try reader.readString())
        case "shape":
          try reader.enterArray()
          while try reader.nextElement() { seen.append("\(try reader.readInt())") }
        default: try reader.skipValue()
        }
      }
    }
    try reader.finish()
    #expect(seen == ["w@1", "BF16", "2", "3", "v@52"])
  }

  @Test(
    "The writer escapes only the characters that must be escaped",
    arguments: [
      ("a\"b\\c/", #""a\"b\\c/""#), ("\n\t\u{8}\u{C}\r\0\u{1F}", #""\n\t\b\f\r\u0000\u001f""#),
      ("é€😀\u{7F}\u{2028}", "\"é€😀\u{7F}\u{2028}\""),
    ])
  func escapes(text: String, expected: String) {
    #expect(JSONValue.string(text).serialized() == expected)
  }

  @Test(
    "Doubles are written with the fewest digits and are always valid JSON",
    arguments: [
      (0.1, "0.1"), (1e300, "1e+300"), (-0.0, "-0.0"), (.leastNonzeroMagnitude, "5e-324"),
      (.nan, "\"NaN\""),
      (.infinity, "\"Infinity\""), (-.infinity, "\"-Infinity\""),
    ] as [(Double, String)])
  func doubles(value: Double, expected: String) throws {
    let text = JSONValue(value).serialized()
    #expect(text == expected)
    if value.isFinite { #expect(try parse(text).asDouble == value) }
  }

  @Test("A Float is written with the digits of a Float") func float() {
    #expect(JSONValue(Float(0.1)) == 0.1)
  }

  @Test("Indented text has a line for each member")
  func indented() {
    let value: JSONValue = ["a": [1, [:], []], "b": ["c": "d"]]
    #expect(value.serialized() == #"{"a":[1,{},[]],"b":{"c":"d"}}"#)
    #expect(
      value.serialized(indented: true)
        == "{\n  \"a\": [\n    1,\n    {},\n    []\n  ],\n  \"b\": {\n    \"c\": \"d\"\n  }\n}")
  }

  @Test("An object keeps the order of its members through changes", arguments: [3, 8, 9, 40])
  func object(count: Int) {
    var object = JSONObject()
    for i in 0..<count { object["k\(i)"] = JSONValue(i) }
    object["k1"] = "new"
    object["k0"] = nil
    #expect(object.map(\.key) == (1..<count).map { "k\($0)" })
    #expect(object["k1"] == "new" && object["k0"] == nil)
    #expect(object["k\(count - 1)"] == JSONValue(count - 1))
  }

  @Test(
    "Written values parse to the same value, and truncated ones are rejected",
    arguments: 0..<40 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let value = JSONValue.object(["root": Self.random(depth: 4, &generator)])
    for indented in [false, true] {
      let bytes = Array(value.serialized(indented: indented).utf8)
      #expect(try JSONValue.parse(bytes.span) == value)
      for end in stride(from: 0, to: bytes.count, by: 1 + bytes.count / 300) {
        #expect(throws: JSONError.self) { try JSONValue.parse(bytes.span.extracting(first: end)) }
      }
      for _ in 0..<200 {
        var broken = bytes
        broken[.random(in: 0..<bytes.count, using: &generator)] = .random(
          in: 0...255, using: &generator)
        expectSameVerdict(broken)
      }
    }
  }
}

extension JSONTests {
  private func parse(_ text: String) throws(JSONError) -> JSONValue {
    try JSONValue.parse(text.utf8.span)
  }

  private func skip(_ bytes: [UInt8], depthLimit: Int = 128) throws(JSONError) {
    var reader = JSONReader(bytes.span, depthLimit: depthLimit)
    try reader.skipValue()
    try reader.finish()
  }

  /// Expects that parsing as a tree and skipping agree on any bytes, except for duplicate keys.
  private func expectSameVerdict(_ bytes: [UInt8]) {
    let tree = Result { () throws(JSONError) in _ = try JSONValue.parse(bytes.span) }
    let skipped = Result { () throws(JSONError) in try skip(bytes) }
    if case .failure(let error) = tree, case .duplicateKey = error.problem { return }
    switch (tree, skipped) {
    case (.success, .success): break
    case (.failure(let left), .failure(let right)): #expect(left == right)
    case (.success, .failure), (.failure, .success): Issue.record("\(tree) and \(skipped)")
    }
  }

  private static func random(depth: Int, _ generator: inout SeededGenerator) -> JSONValue {
    switch Int.random(in: depth > 0 ? 0...7 : 2...7, using: &generator) {
    case 0:
      return .array((0..<4).map { _ in random(depth: depth - 1, &generator) })
    case 1:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0...12, using: &generator) {
        object[text(&generator)] = random(depth: depth - 1, &generator)
      }
      return .object(object)
    case 2: return JSONValue(Double(bitPattern: generator.next()))
    case 3: return JSONValue(generator.next())
    case 4: return JSONValue(Int64(bitPattern: generator.next()))
    case 5: return .bool(.random(using: &generator))
    case 6: return .null
    default: return .string(text(&generator))
    }
  }

  private static func text(_ generator: inout SeededGenerator) -> String {
    let scalars: [Unicode.Scalar] = ["a", "\"", "\\", "\0", "\n", "é", "\u{301}", "€", "😀"]
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...6, using: &generator) {
      text.append(scalars.randomElement(using: &generator)!)
    }
    return String(text)
  }
}
