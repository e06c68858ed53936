import Base
import TestSupport
import Testing

@Suite struct JSONEditTests {
  private static func edited(
    _ text: String, _ key: String, _ value: JSONValue?, at path: [String] = []
  ) -> String? {
    var edit = JSONEdit(Array(text.utf8))
    return edit.set(key, value, at: path) ? String(decoding: edit.text, as: UTF8.self) : nil
  }

  @Test(
    "a member is replaced, added or removed, and other bytes stay",
    arguments: [
      (#"{"a": 1, "b" :2}"#, "b", 3, #"{"a": 1, "b" :3}"#),
      (#"{"a": 1}"#, "b", 3, "{\"a\": 1,\n  \"b\": 3}"),
      ("{}", "b", 3, "{\n  \"b\": 3\n}"),
      ("{ }", "b", 3, "{\n  \"b\": 3\n}"),
      ("{\n    \"a\": 1\n}\n", "b", 3, "{\n    \"a\": 1,\n    \"b\": 3\n}\n"),
      ("{\"a\": {\"b\": 1}, \"b\": [1, 2]}", "b", 3, "{\"a\": {\"b\": 1}, \"b\": 3}"),
      ("{\"a\": 1, \"b\": 2, \"c\": 3}", "b", nil, "{\"a\": 1, \"c\": 3}"),
      ("{\"a\": 1, \"b\": 2}", "a", nil, "{ \"b\": 2}"),
      ("{\"a\": 1}", "a", nil, "{}"), ("{\"a\": 1}", "z", nil, "{\"a\": 1}"),
      ("[1]", "a", 3, nil),
    ] as [(String, String, Int?, String?)])
  func edit(text: String, key: String, value: Int?, wanted: String?) {
    #expect(Self.edited(text, key, value.map { JSONValue($0) }) == wanted)
  }

  @Test("nested objects are found by their path, and new members get their indentation")
  func nested() {
    let text = "{\n  \"a\": {\n    \"b\": {\n      \"c\": 1\n    }\n  }\n}"
    #expect(
      Self.edited(text, "d", ["e": 1], at: ["a", "b"])
        == "{\n  \"a\": {\n    \"b\": {\n      \"c\": 1,\n      \"d\": {\n        \"e\": 1\n      }\n    }\n  }\n}"
    )
    #expect(Self.edited(text, "d", 1, at: ["a", "x"]) == nil)
    #expect(Self.edited(text, "d", 1, at: ["a", "b", "c"]) == nil)
  }

  @Test("after random edits the text parses to the edited object", arguments: 0..<40)
  func random(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let keys = ["a", "b", "c\"", "d\u{e9}", ""]
    var object = JSONObject()
    for key in keys where Bool.random(using: &random) {
      object[key] = [.init(key), ["x": .init(Int.random(in: 0..<9, using: &random))]]
    }
    var edit = JSONEdit(
      Array(JSONValue.object(object).serialized(indented: Bool.random(using: &random)).utf8))
    for _ in 0..<8 {
      let key = keys.randomElement(using: &random) ?? ""
      let value: JSONValue? =
        Bool.random(using: &random) ? nil : ["n": .init(Int.random(in: 0..<99, using: &random))]
      let isDone = edit.set(key, value)
      #expect(isDone)
      object[key] = value
      #expect(try JSONValue.parse(edit.text.span).asObject == object)
    }
  }
}
