import Base
import Testing

/// Tests the regular expressions that foreign configuration files contain. The expected values are those of Python's
/// `re.fullmatch`, and of `re.match(rf"(.*\.)?({pattern})$", name)` for ends of names.
@Suite struct NamePatternTests {
  @Test(
    "patterns match whole texts as in Python",
    arguments: [
      ("abc", "abc", true), ("abc", "abcd", false), ("a.c", "abc", true), ("a.c", "a\nc", false),
      (#"a\.c"#, "a.c", true), (#"a\.c"#, "abc", false), ("", "", true), ("", "a", false),
      ("[qkv]_proj", "k_proj", true), ("[qkv]_proj", "o_proj", false),
      ("[^qkv]_proj", "o_proj", true), ("[a-c]+", "abcabc", true), ("[a-c]+", "abd", false),
      ("[]a]", "]", true), ("[a-]", "-", true), (#"[\d.]+"#, "1.25", true),
      (#"[\w-]+"#, "a-b_c", true), (#"\d+"#, "1234567890", true), (#"\d+"#, "12a", false),
      (#"\w\W\s\S\D"#, "a- bc", true), ("(q|k|v)_proj", "v_proj", true),
      ("(?:q|k)(?P<rest>_proj)", "q_proj", true), ("a|bc|", "bc", true), ("a|bc|", "", true),
      ("ab*c", "ac", true), ("ab*c", "abbbc", true), ("ab+c", "ac", false), ("ab?c", "abc", true),
      ("ab??c", "ac", true), ("a{3}", "aaa", true), ("a{3}", "aa", false), ("a{2,}", "aaaa", true),
      ("a{,2}", "aa", true), ("a{,2}", "aaa", false), ("a{1,2}?", "aa", true),
      ("a{x}", "a{x}", true), ("{}", "{}", true), ("a{1", "a{1", true), ("^abc$", "abc", true),
      ("a^b", "ab", false), ("^^a$$", "a", true), (#"\Aabc\Z"#, "abc", true),
      ("(a*)*b", "aab", true),
      ("(a|b*)*", "abba", true), ("(|a)+", "aaa", true), ("ä+", "ää", true), (#"\w"#, "ß", true),
      (#"model\.layers\.([0-9]|1[0-5])\.(self_attn|mlp)\..*"#, "model.layers.13.mlp.up", true),
      (#"model\.layers\.([0-9]|1[0-5])\.(self_attn|mlp)\..*"#, "model.layers.16.mlp.up", false),
    ])
  func whole(pattern: String, text: String, isMatch: Bool) throws {
    #expect(try NamePattern(pattern).matches(NamePattern.Subject(text)) == isMatch)
  }

  @Test(
    "patterns match the ends of names after a dot",
    arguments: [
      ("q_proj", "model.layers.0.q_proj", true), ("q_proj", "q_proj", true),
      ("proj", "model.q_proj", false), ("layers.0.q_proj", "model.layers.0.q_proj", true),
      ("layers.0.q_proj", "model.layers.10.q_proj", false), ("^q_proj", "model.q_proj", false),
      ("^model.q_proj", "model.q_proj", true), ("q_proj$", "model.q_proj", true),
      (".*q_proj", "model.layers.0.q_proj", true), (#"layers\.[02]\..*"#, "m.layers.2.q", true),
      (#"layers\.[02]\..*"#, "m.layers.1.q", false), ("q_proj", "model.q_proj.weight", false),
      ("a|b", "x.b", true), ("a.b", "x.y.azb", true), ("", "a.", true),
    ])
  func ends(pattern: String, text: String, isMatch: Bool) throws {
    #expect(try NamePattern(pattern).matchesEnd(of: NamePattern.Subject(text)) == isMatch)
  }

  @Test(
    "features that are not supported are refused by name",
    arguments: [
      ("a(?=b)", "a lookahead", 1), ("(?!a)b", "a lookahead", 0), ("(?<=a)b", "a lookbehind", 0),
      (#"(a)\1"#, "a back reference", 3), ("(?P<n>a)(?P=n)", "a back reference", 8),
      ("(?i)a", "an inline flag", 0), ("(?>a)", "an atomic group", 0), ("(?#a)", "a comment", 0),
      (#"\bq\b"#, "a word boundary", 0), ("a*+", "a possessive quantifier", 2),
      (#"\p{L}"#, #"the escape '\p'"#, 0), ("*a", "nothing to repeat", 0),
      ("a**", "a quantifier follows another", 2), ("(a", "a '(' has no ')'", 0),
      ("a)", "a ')' has no '('", 1), ("[a", "a '[' has no ']'", 0), ("[b-a]", "a range", 2),
      (#"a\"#, #"a '\' has nothing"#, 1), ("a{3,2}", "minimum is larger", 1),
      ("a{99999}", "repetitions are not supported", 2),
      ("((a{64}){64}){64}", "repetitions of more than", 0),
      ("(((((){200}){200}){200}){200}){200}", "repetitions of more than", 0),
      (String(repeating: "a", count: 1025), "more than 1024 characters", 0),
      (String(repeating: "(", count: 65), "nested groups", 64),
    ])
  func refused(pattern: String, reason: String, offset: Int) {
    #expect {
      _ = try NamePattern(pattern)
    } throws: { error in
      guard let fault = error as? NamePattern.Fault else { return false }
      return fault.reason.contains(reason) && fault.offset == offset
    }
  }

  @Test(
    "the time is linear in the length of the text",
    arguments: ["(.*)*x", "(a+)+x", "(a|a)*x", "(a|aa)+x", "a*a*a*a*a*a*a*a*x", "(a?){64}a{64}x"])
  func linear(pattern: String) throws {
    let pattern = try NamePattern(pattern)
    let subject = NamePattern.Subject(String(repeating: "a", count: 4000))
    let time = ContinuousClock().measure { #expect(!pattern.matchesEnd(of: subject)) }
    // Backtracking needs more than the age of the universe.
    #expect(time < .seconds(20))
  }
}
