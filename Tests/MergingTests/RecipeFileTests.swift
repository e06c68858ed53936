import Base
import Recipes
import TestSupport
import Testing

/// Tests the YAML reader: scalars, anchors, merge keys, lines, bounds and refused input.
@Suite struct RecipeFileTests {
  private static func parse(_ text: String) throws -> RecipeValue {
    try RecipeFile.parse(text, path: "r.yaml")
  }

  /// Returns the reason of the error without the path and the code; "" if there is no error.
  private static func fault(_ text: String) -> String {
    do {
      _ = try parse(text)
      return ""
    } catch let error as FormatError {
      return error.code == .recipe ? error.reason.description : "\(error)"
    } catch { return "\(error)" }
  }

  /// Returns a value as JSON, in the order of the file.
  private static func json(_ value: RecipeValue) -> String {
    switch value.content {
    case .null: "null"
    case .bool(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .string(let text): "\"\(text)\""
    case .list(let list): "[" + list.map(json).joined(separator: ",") + "]"
    case .map(let members):
      "{" + members.map { "\($0.key):\(json($0.value))" }.joined(separator: ",") + "}"
    }
  }

  @Test(
    "plain scalars have the same values as in PyYAML",
    arguments: [
      ("~", .null), ("null", .null), ("Null", .null), ("NULL", .null), ("", .null),
      ("true", .bool(true)), ("Yes", .bool(true)), ("ON", .bool(true)), ("off", .bool(false)),
      ("no", .bool(false)), ("tRUE", .string("tRUE")), ("y", .string("y")), ("n", .string("n")),
      ("0", .integer(0)), ("-12", .integer(-12)), ("+12", .integer(12)),
      ("1_000", .integer(1000)), ("0x_1F", .integer(31)), ("-0b101", .integer(-5)),
      ("017", .integer(15)), ("190:20:30", .integer(685230)), ("-1:30", .integer(-90)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("1.5", .number(1.5)), ("1.", .number(1)), (".5", .number(0.5)), ("1.5_0", .number(1.5)),
      ("1.e+3", .number(1000)), ("-2.5e-3", .number(-0.0025)), ("1:30.5", .number(90.5)),
      (".inf", .number(.infinity)), ("-.INF", .number(-.infinity)),
      ("1:60", .string("1:60")), ("0:30", .string("0:30")), ("0x", .string("0x")),
      ("0b12", .string("0b12")), ("_1", .string("_1")), ("1e", .string("1e")),
      ("--1", .string("--1")), ("+", .string("+")), (".", .string(".")), ("./a", .string("./a")),
      ("1.2.3", .string("1.2.3")), ("inf", .string("inf")), ("nan", .string("nan")),
      ("0x1p3", .string("0x1p3")), ("2001-12-14", .string("2001-12-14")), ("=", .string("=")),
      ("a b", .string("a b")), ("7b", .string("7b")), ("é", .string("é")),
    ] as [(String, RecipeValue.Content)])
  func plain(text: String, expected: RecipeValue.Content) throws {
    let value = try Self.parse("a: \(text)")
    #expect(value.asMap?.first?.value.content == expected)
  }

  @Test(
    "numbers of YAML 1.2 that PyYAML reads as text are numbers",
    arguments: [
      ("1e-9", .number(1e-9)), ("1E5", .number(1e5)), ("-.5", .number(-0.5)),
      ("+.5e3", .number(500)), (".5e3", .number(500)), ("0o17", .integer(15)), ("08", .integer(8)),
      ("99999999999999999999", .number(1e20)), ("0xFFFFFFFFFFFFFFFF", .number(0x1p64)),
    ] as [(String, RecipeValue.Content)])
  func numbers(text: String, expected: RecipeValue.Content) throws {
    #expect(try Self.parse(text).content == expected)
  }

  @Test(".nan has the kind of a number but no numeric value")
  func notANumber() throws { #expect(try Self.parse(".nan").asNumber?.isNaN == true) }

  @Test(
    "scalars in quotes and block scalars are text",
    arguments: [
      ("'1'", "1"), ("\"true\"", "true"), ("''", ""), ("\"a\\tb\\u00e9\"", "a\tbé"),
      ("|\n  1\n  2\n", "1\n2\n"), (">-\n  1\n  2\n", "1 2"), ("!!str 5", "5"), ("!!str", ""),
    ])
  func quoted(text: String, expected: String) throws {
    #expect(try Self.parse(text).content == .string(expected))
  }

  @Test(
    "tags of the plain types determine the type",
    arguments: [
      ("!!int '5'", .integer(5)), ("!!float 5", .number(5)), ("!!bool 'yes'", .bool(true)),
      ("!!null ''", .null), ("! 5", .integer(5)),
      ("!!seq [1]", .list([RecipeValue(.integer(1), line: 1)])),
      ("%TAG !y! tag:yaml.org,2002:\n---\n!y!int '5'", .integer(5)),
    ] as [(String, RecipeValue.Content)])
  func tags(text: String, expected: RecipeValue.Content) throws {
    #expect(try Self.parse(text).content == expected)
  }

  @Test("every value has the line where it starts, and an alias the line of its anchor")
  func lines() throws {
    let value = try Self.parse(
      """
      # a comment
      a:
        - 1
        - &x {b: 2,
           c: "3
           4"}

      d: *x
      e: >
        folded

      f: ~
      """)
    func lines(_ value: RecipeValue) -> [Int] {
      switch value.content {
      case .list(let list): [value.line] + list.flatMap(lines)
      case .map(let members): [value.line] + members.flatMap { lines($0.value) }
      case .null, .bool, .integer, .number, .string: [value.line]
      }
    }
    #expect(lines(value) == [2, 3, 3, 4, 4, 5, 4, 4, 5, 9, 12])
  }

  @Test(
    "aliases have the values of their anchors, and merge keys work as in PyYAML",
    arguments: [
      ("a: &x [1, 2]\nb: *x", "{a:[1,2],b:[1,2]}"),
      ("a: &x 1\nb: &x 2\nc: *x", "{a:1,b:2,c:2}"),
      ("&k a: 1\nb: *k", "{a:1,b:\"a\"}"),
      ("a: &k 07\n*k : 1", "{a:7,07:1}"),
      ("a: &x [&y 1, *y]\nb: [*x, *y]", "{a:[1,1],b:[[1,1],1]}"),
      ("a: &a {x: 1, z: 0}\nc: {y: 9, <<: *a, z: 3}", "{a:{x:1,z:0},c:{x:1,z:3,y:9}}"),
      (
        "a: &a {x: 1, z: 0}\nb: &b {x: 2, y: 3}\nc: {y: 9, <<: [*a, *b]}",
        "{a:{x:1,z:0},b:{x:2,y:3},c:{x:1,y:9,z:0}}"
      ),
      ("<<: {a: 1, <<: {a: 2, b: 3}}\nc: 4", "{a:1,b:3,c:4}"),
      ("<<: {a: 1, b: 1}\n<<: {b: 2}\na: 3", "{a:3,b:2}"),
      ("<<: []\na: 1", "{a:1}"), ("<<: {}\na: 1", "{a:1}"),
      ("'<<': {a: 1}", "{<<:{a:1}}"), ("a: <<", "{a:\"<<\"}"),
    ])
  func anchors(text: String, expected: String) throws {
    #expect(try Self.json(Self.parse(text)) == expected)
  }

  @Test("JSON, a byte order mark, Windows line ends and the marks of a document are read")
  func dialects() throws {
    #expect(
      try Self.json(Self.parse("{\"a\": [1, true, null, \"b\"]}")) == "{a:[1,true,null,\"b\"]}")
    #expect(try Self.json(Self.parse("\u{FEFF}a: 1\r\nb: 2\r\n")) == "{a:1,b:2}")
    #expect(try Self.parse("\u{FEFF}a: 1\r\nb: 2\r\n").asMap?.last?.value.line == 2)
    #expect(try Self.json(Self.parse("%YAML 1.1\n---\na: 1\n...\n")) == "{a:1}")
    #expect(try Self.parse("---").content == .null)
  }

  @Test(
    "errors name their line",
    arguments: [
      ("a: [1", "line 1: did not find expected ',' or ']' while parsing a flow sequence"),
      (
        "a: [1\n",
        "line 2: did not find expected ',' or ']' while parsing a flow sequence from line 1"
      ),
      (
        "a: 1\nb:\n  - [1,\n  2: }",
        "line 4: did not find expected node content while parsing a flow node"
      ),
      ("a: 1\nb: 2\na: 3", "line 3: the key 'a' is used twice, first in line 1"),
      ("a: 1\n'a': 3", "line 2: the key 'a' is used twice, first in line 1"),
      ("a:\n  <<: 5", "line 2: '<<' merges a number, expected a map or a list of maps"),
      ("<<: [{a: 1}, b]", "line 1: '<<' merges a text, expected a map or a list of maps"),
      ("a: 1\nb: *x", "line 2: the alias '*x' has no anchor before it"),
      ("a: &x\n  - 1\n  - *x", "line 3: the alias '*x' refers to a value that contains it"),
      ("a: &x {<<: *x}", "line 1: the alias '*x' refers to a value that contains it"),
      ("? [1]\n: 2", "line 1: a key is a list or a map, expected a text"),
      ("a: &x [1]\n*x : 2", "line 2: a key is a list or a map, expected a text"),
      ("a: !foo 5", "line 1: the tag '!foo' is not supported here"),
      (
        "- !!python/object:a.b {}",
        "line 1: the tag 'tag:yaml.org,2002:python/object:a.b' is not supported here"
      ),
      ("a: !!map [1]", "line 1: the tag 'tag:yaml.org,2002:map' is not supported here"),
      ("\n!!int x", "line 2: 'x' does not match its tag 'tag:yaml.org,2002:int'"),
      ("a: 1\n---\nb: 2", "line 2: a second document begins, expected only one"),
      ("a: 1\n...\n---\n", "line 3: a second document begins, expected only one"),
      ("a:\n\tb: 1", "line 2: a tab cannot start a value or indent it; use spaces"),
      ("é: 1\n\tb: 1", "line 2: a tab cannot start a value or indent it; use spaces"),
      ("a: 1\nb: x\0y", "line 2: control characters are not allowed"),
      ("a: 1\nb: \u{1}", "line 2: control characters are not allowed"),
      ("a: b: c", "line 1: mapping values are not allowed in this context"),
      (
        "a: @b",
        "line 1: found character that cannot start any token while scanning for the next token"
      ),
      ("a: \"\\q\"", "line 1: found unknown escape character while parsing a quoted scalar"),
      ("%YAML 2.0\n---\na: 1", "line 1: found incompatible YAML document"),
      ("", "is empty"), ("# nothing\n", "is empty"),
    ])
  func refused(text: String, expected: String) {
    #expect(Self.fault(text) == expected)
  }

  @Test("names in errors have no control characters and are cut")
  func hostileNames() {
    #expect(
      Self.fault("\"\\e[31ma\": 1\n\"\\e[31ma\": 2")
        == #"line 2: the key '\u{1B}[31ma' is used twice, first in line 1"#)
    #expect(
      Self.fault("- !!int \"\\e[2J\"")
        == #"line 1: '\u{1B}[2J' does not match its tag 'tag:yaml.org,2002:int'"#)
    let long = String(repeating: "a", count: 100_000)
    #expect(
      Self.fault("? \(long)\n: 1\n? \(long)\n: 2")
        == "line 3: the key '\(long.prefix(100))…' is used twice, first in line 1")
  }

  @Test(
    "a file may have several documents, each with anchors of its own",
    arguments: [
      ("a: 1\n---\nb: 2\n", ["{a:1}", "{b:2}"]), ("a: 1", ["{a:1}"]),
      ("---\na: &x 1\n---\nb: &x 2\nc: *x\n...\n", ["{a:1}", "{b:2,c:2}"]),
      ("a: 1\n---\n", ["{a:1}", "null"]),
    ])
  func documents(text: String, expected: [String]) throws {
    #expect(try RecipeFile.documents(text, path: "r.yaml").map(Self.json) == expected)
  }

  @Test(
    "files of several documents are refused with the line of the fault",
    arguments: [
      ("a: &x 1\n---\nb: *x", "line 3: the alias '*x' has no anchor before it"),
      (
        String(repeating: "---\na: 1\n", count: 1025),
        "line 2049: there are more than 1024 documents"
      ),
      ("", "is empty"),
    ])
  func refusedDocuments(text: String, reason: String) {
    #expect(throws: FormatError(.recipe, reason, path: "r.yaml")) {
      try RecipeFile.documents(text, path: "r.yaml")
    }
  }

  @Test("the members of a document know whether an alias refers to their anchors")
  func references() throws {
    let value = try Self.parse(
      """
      a: &a 1
      b: {c: [&c 2]}
      d: &d 3
      &e e: 4
      f: [*a, *c, *e]
      """)
    #expect(value.asMap?.filter(\.isReferenced).map(\.key) == ["a", "b", "e"])
    #expect(value.asMap?.filter(\.hasAnchors).map(\.key) == ["a", "b", "d", "e"])
    #expect(value.asMap?.map(\.line) == [1, 2, 3, 4, 5])
  }

  @Test(
    "a file that is not UTF-8 is refused with the line of the first such byte",
    arguments: [
      ([0x61, 0x3A, 0x20, 0xFF], 1), ([0x61, 0x3A, 0x0A, 0x0A, 0x20, 0xC3], 3),
      ([0xFF, 0xFE, 0x61, 0x00], 1), ([0x61, 0x3A, 0x0A, 0xED, 0xA0, 0x80], 2),
    ] as [([UInt8], Int)])
  func notUTF8(bytes: [UInt8], line: Int) throws {
    let folder = try TemporaryFolder()
    try folder.write(bytes, to: "r.yaml")
    let path = folder["r.yaml"]
    #expect(throws: FormatError(.recipe, "line \(line): is not UTF-8", path: path)) {
      try RecipeFile.read(path)
    }
  }

  /// Returns `count` nested lists or maps.
  private static func nested(_ count: Int) -> String {
    String(repeating: "[", count: count) + String(repeating: "]", count: count)
  }

  @Test("nesting is bounded at 64 levels, including those reached through aliases")
  func depth() {
    #expect(Self.fault(Self.nested(64)) == "")
    let expected = "line 1: lists and maps are nested more than 64 levels deep"
    #expect(Self.fault(Self.nested(65)) == expected)
    #expect(Self.fault(String(repeating: "[", count: 1_000_000)) == expected)
    #expect(Self.fault(String(repeating: "{a: ", count: 1_000_000)) == expected)
    #expect(Self.fault(String(repeating: "- ", count: 100_000)) == expected)
    #expect(
      Self.fault(
        "[&x \(Self.nested(40)),\(String(repeating: "[", count: 23))*x\(String(repeating: "]", count: 23))]"
      ) == "")
    #expect(
      Self.fault(
        "[&x \(Self.nested(40)),\n\(String(repeating: "[", count: 24))*x\(String(repeating: "]", count: 24))]"
      )
        == "line 2: lists and maps are nested more than 64 levels deep")
  }

  @Test("the number of values is bounded, and those of aliases and merge keys count each time")
  func values() {
    let lists = (0..<9).map { level in
      let item = level == 0 ? "x" : "*a\(level - 1)"
      return "a\(level): &a\(level) [" + Array(repeating: item, count: 9).joined(separator: ",")
        + "]"
    }.joined(separator: "\n")
    #expect(
      Self.fault(lists) == "line 7: there are more than 1048576 values, including those of aliases")
    let map = "a: &a {" + (0..<2000).map { "k\($0): 1" }.joined(separator: ",") + "}\n"
    let merges = (0..<1000).map { "m\($0): {<<: *a}" }.joined(separator: "\n")
    #expect(
      Self.fault(map + merges)
        == "line 524: there are more than 1048576 values, including those of aliases")
  }

  @Test(
    "directives are bounded, because the time to read them grows with the square of their number")
  func directives() {
    func text(_ count: Int) -> String {
      (0..<count).map { "%TAG !t\($0)! tag:x\n" }.joined() + "---\na: 1"
    }
    #expect(Self.fault(text(64)) == "")
    #expect(Self.fault(text(65)) == "line 65: more than 64 lines begin with '%'")
    #expect(
      Self.fault("---\na: 1\n...\n" + text(500_000)) == "line 68: more than 64 lines begin with '%'"
    )
  }

  @Test("a text over 16 MiB is refused before it is parsed")
  func length() {
    #expect(Self.fault(String(repeating: "#", count: (16 << 20) + 1)) == "is larger than 16 MiB")
    #expect(Self.fault(String(repeating: "#", count: 16 << 20)) == "is empty")
  }
}
