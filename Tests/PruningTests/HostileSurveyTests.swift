import Base
import Checkpoints
import Pruning
import TensorCore
import TestSupport
import Testing

/// Tests that any content of a survey, which may come from another machine, results in an error or a state.
@Suite struct HostileSurveyTests {
  private static let sums =
    #"{"schema":"sumac.survey/1","options":[],"iteration":0,"threshold_bits":0,"question":"sums","#
    + #""decisions":[],"tensors":[{"name":"a","count":4,"zeros":0,"p_sum":2.0,"q_sum":1.0}],"#
    + #""counts":[[30000,4]]}"#
  private static let bits =
    #"{"schema":"sumac.survey/1","options":[],"iteration":0,"threshold_bits":0,"#
    + #""question":{"bin":30000,"rank":1,"next_bin":30001,"fraction":0.5},"decisions":[],"#
    + #""tensors":[{"name":"a","count":0,"zeros":0,"p_sum":0.0,"q_sum":0.0}],"counts":[[5,4]]}"#

  private static func state(_ text: String, copies: Int = 1) throws -> GroupState {
    let folder = try TemporaryFolder()
    let files = try (0..<copies).map { copy in
      let own = copy == 0 ? text : text.replacing(#""name":"a""#, with: "\"name\":\"a\(copy)\"")
      try folder.write(Array(own.utf8), to: "\(copy).json")
      return (path: folder["\(copy).json"], file: try SurveyFile(path: folder["\(copy).json"]))
    }
    return try SurveyFile.state(
      after: files, amount: .quantile(0.3, wideRanks: false), iterations: 2)
  }

  @Test("valid surveys are accepted")
  func whole() throws {
    #expect(try Self.state(Self.sums).round == 2)
    #expect(try Self.state(Self.bits).iteration == 1)
  }

  @Test(
    "surveys with counts that are too large, too small or invalid are rejected",
    arguments: [
      (#""count":4"#, #""count":5"#), (#""count":4"#, #""count":9223372036854775807"#),
      (#""count":4"#, #""count":-1"#), (#""zeros":0"#, #""zeros":9223372036854775807"#),
      ("[30000,4]", "[30000,72057594037927935]"), ("[30000,4]", "[65536,4]"),
      ("[30000,4]", "[30000,4],[30000,4]"), ("[30000,4]", "[65535,4]"), ("[30000,4]", "[1]"),
      (#""iteration":0"#, #""iteration":9223372036854775807"#),
      (#""threshold_bits":0"#, #""threshold_bits":4294967296"#),
      (#""question":"sums""#, #""question":"ties""#), (#""p_sum":2.0"#, #""p_sum":"NaN""#),
      (#""decisions":[]"#, #""decisions":[{}]"#), (#""options":[]"#, #""options":[1]"#),
      ("survey/1", "survey/2"), (#""tensors":["#, #""tensors":[7,"#),
    ])
  func malformedSums(found: String, replacement: String) {
    let text = Self.sums.replacing(found, with: replacement)
    #expect(text != Self.sums)
    #expect(throws: (any Error).self) { try Self.state(text) }
  }

  @Test(
    "surveys of lower bits that do not contain the rank are rejected",
    arguments: [
      (#""rank":1"#, #""rank":4"#), (#""rank":1"#, #""rank":9223372036854775807"#),
      (#""rank":1"#, #""rank":-1"#), (#""bin":30000"#, #""bin":65535"#),
      (#""next_bin":30001"#, #""next_bin":-1"#), (#""fraction":0.5"#, #""fraction":1.5"#),
      ("[5,4]", "[32768,4]"), ("[5,4]", "[5,72057594037927936]"),
    ])
  func malformedBits(found: String, replacement: String) {
    let text = Self.bits.replacing(found, with: replacement)
    #expect(text != Self.bits)
    #expect(throws: (any Error).self) { try Self.state(text) }
  }

  @Test("the totals of many files cannot overflow")
  func overflow() {
    let text = Self.bits.replacing("[5,4]", with: "[5,72057594037927935]")
    #expect(throws: (any Error).self) { try Self.state(text, copies: 200) }
  }
}
