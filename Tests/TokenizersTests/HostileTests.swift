import Base
import TestSupport
import Testing
import Tokenizers

@Suite struct HostileTests {
  /// Returns a file with parts of it replaced.
  private static func file(
    model: String = #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}"#,
    _ rest: String = ""
  ) -> String {
    #"{"version":"1.0","# + (rest.isEmpty ? "" : rest + ",") + #""model":"# + model + "}"
  }

  private static func error(_ text: String) -> FormatError? {
    let bytes = Array(text.utf8)
    do {
      let tokenizer = try Tokenizer.load(from: bytes.rawSpan, path: "file")
      _ = try tokenizer.encode("aaab  ab", addSpecialTokens: true)
      return nil
    } catch {
      return error as? FormatError
    }
  }

  @Test("the file that the others are made of is valid")
  func valid() throws {
    let bytes = Array(Self.file().utf8)
    let tokenizer = try Tokenizer.load(from: bytes.rawSpan, path: "file")
    #expect(try tokenizer.encode("abaab", addSpecialTokens: false) == [2, 0, 2])
  }

  private static let malformedFiles: [(String, String, String)] = [
    ("", "tokenizer.file", "expected a value"),
    ("[]", "tokenizer.file", "expected an object"),
    (String(repeating: "[", count: 5000), "tokenizer.file", "expected an object"),
    (#"{"model":{"vocab":{}}"#, "tokenizer.file", "end of the text"),
    (#"{"version":"1.0"}"#, "tokenizer.file", "has no 'model'"),
    (#"{"version":"2.0"}"#, "tokenizer.unsupported", "expected '1.0'"),
    (file("\"models\":1"), "tokenizer.unsupported", "'models'"),
    (
      file("\"decoder\":{\"type\":\"CTC\"}"), "tokenizer.unsupported",
      "decoder: the component 'CTC'"
    ),
    (file("\"decoder\":{\"type\":\"Fuse\",\"x\":1}"), "tokenizer.unsupported", "the option 'x'"),
    (
      file("\"normalizer\":{\"type\":\"Nmt\"}"), "tokenizer.unsupported",
      "normalizer: the component 'Nmt'"
    ),
    (
      file("\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"X\"}]}"),
      "tokenizer.unsupported", "pre_tokenizer.pretokenizers[0]: the component 'X'"
    ),
    (file("\"pre_tokenizer\":{}"), "tokenizer.file", "no member 'type'"),
    (file(model: #"{"type":"Unigram","vocab":[["a"]]}"#), "tokenizer.file", "entry 0"),
    (file(model: #"{"type":"Unigram","vocab":[]}"#), "tokenizer.file", "array of tokens"),
    (file(model: #"{"type":"Unigram","vocab":{"a":0}}"#), "tokenizer.file", "array of tokens"),
    (
      file(model: #"{"type":"Unigram","unk_id":1,"vocab":[["a",0]]}"#), "tokenizer.vocabulary",
      "'unk_id' is 1"
    ),
    (
      file(model: #"{"type":"WordLevel","unk_token":"a","vocab":[["a",0]]}"#), "tokenizer.file",
      "scores"
    ),
    (
      file(#""normalizer":{"type":"Precompiled","precompiled_charsmap":"BAAAAAD8//8="}"#),
      "tokenizer.file", "map of characters"
    ),
    (file(model: #"{"type":"BPE","vocab":{"a":0}}"#), "tokenizer.file", "no 'merges'"),
    (
      file(model: #"{"type":"BPE","vocab":{"a":0},"merges":["a"]}"#), "tokenizer.file", "1 tokens"
    ),
    (file(model: #"{"vocab":{"a":0},"merges":["a c"]}"#), "tokenizer.vocabulary", "'ac'"),
    (file(model: #"{"vocab":{"a":0,"a":1},"merges":[]}"#), "tokenizer.vocabulary", "twice"),
    (file(model: #"{"vocab":{"a":0,"b":0},"merges":[]}"#), "tokenizer.vocabulary", "the id 0"),
    (
      file(model: #"{"vocab":{"a":2147483648},"merges":[]}"#), "tokenizer.vocabulary",
      "2147483648"
    ),
    (file(model: #"{"vocab":{"a":-1},"merges":[]}"#), "tokenizer.file", "negative"),
    (
      file(model: #"{"vocab":{"a":0,"b":1},"merges":[],"dropout":0.1}"#), "tokenizer.unsupported",
      "dropout"
    ),
    (file(model: #"{"vocab":{"b":1},"merges":[]}"#), "tokenizer.text", "no token for unknown"),
    (file(model: #"{"vocab":{"b":1},"merges":[],"unk_token":"u"}"#), "tokenizer.text", "'u'"),
    (
      file(
        #""added_tokens":[{"id":7,"content":"x","special":false,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}]"#
      ),
      "tokenizer.vocabulary", "the id 7"
    ),
    (
      file(#""post_processor":{"type":"BertProcessing","sep":["s",9],"cls":["c",1]}"#),
      "tokenizer.vocabulary", "the id 9"
    ),
    (
      file(
        #""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"s","type_id":0}}],"pair":[],"special_tokens":{}}"#
      ), "tokenizer.file", "'s' is missing"
    ),
  ]

  @Test("a malformed file is an error with its code and place", arguments: malformedFiles)
  func malformed(text: String, code: String, part: String) {
    let error = Self.error(text)
    #expect(error?.code.description == code)
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
  }

  @Test(
    "a regular expression that is not known is quoted",
    arguments: [
      (#"\\p{Greek}"#, "Greek"), (#"(?<=a)b"#, "(?<="), (#"[a&&b]"#, "&&"), (#"\\b"#, "'\\b'"),
      (#"(a*)*"#, "can be empty"), (#"a{2000}"#, "1000"), ("(", "')'"), ("[a", "']'"), ("*", "'*'"),
      (#"(?i:ss)"#, "'ss'"), (#"((a{900}){900}){900}"#, "steps"),
    ])
  func pattern(expression: String, part: String) {
    let split =
      #""pre_tokenizer":{"type":"Split","pattern":{"Regex":""# + expression
      + #""},"behavior":"Isolated","invert":false}"#
    let error = Self.error(Self.file(split))
    #expect(error?.code.description == "tokenizer.pattern")
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
  }

  @Test("a search that takes exponentially many steps ends with an error")
  func steps() throws {
    let split =
      #""pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a|aa)+$"},"behavior":"Isolated","invert":false}"#
    let bytes = Array(Self.file(split).utf8)
    let tokenizer = try Tokenizer.load(from: bytes.rawSpan, path: "file")
    #expect(throws: FormatError.self) {
      try tokenizer.encode(String(repeating: "a", count: 100) + "b", addSpecialTokens: false)
    }
  }

  @Test("an id that is not in the vocabulary cannot be decoded", arguments: [-1, 3, Int32.max])
  func unknownID(id: Int32) throws {
    let bytes = Array(Self.file().utf8)
    let tokenizer = try Tokenizer.load(from: bytes.rawSpan, path: "file")
    #expect(throws: FormatError.self) {
      try tokenizer.decode([0, id], skippingSpecialTokens: false)
    }
  }
}
