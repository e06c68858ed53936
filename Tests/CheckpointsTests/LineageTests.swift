import Base
import Checkpoints
import Packing
import TensorCore
import Testing

@Suite struct LineageTests {
  static func checkpoint(_ name: String, _ lineage: Lineage = Lineage()) -> Checkpoint {
    Checkpoint(
      path: "/somewhere/\(name)", container: .sumac, tensors: [], lineage: lineage,
      identity: InputIdentity(hash: "ab" + name, byteCount: 7), files: [])
  }

  static func step(_ verb: String, _ inputs: [Checkpoint], note: String = "") -> Lineage {
    let options = [
      Lineage.Option("x", "1"), Lineage.Option("x", "2"), Lineage.Option("note", note),
    ]
    return Lineage(
      verb: verb, options: options,
      versions: [Lineage.Option("sumac", "0")], inputs: inputs)
  }

  @Test("a lineage contains base names and ids, and is restored from its text")
  func roundTrip() throws {
    let first = Self.step("first", [Self.checkpoint("a")])
    let second = Self.step("second", [Self.checkpoint("b", first), Self.checkpoint("c")])
    let text = try second.json()
    #expect(try Lineage(json: text) == second)
    #expect(!text.contains("somewhere"))
    #expect(second.steps[1].inputs.map(\.step) == [0, nil])
  }

  @Test("a step that two inputs share is kept once")
  func shared() {
    let base = Self.step("base", [Self.checkpoint("a")])
    let left = Self.step("left", [Self.checkpoint("b", base)])
    let right = Self.step("right", [Self.checkpoint("b", base)])
    let merged = Self.step("merge", [Self.checkpoint("l", left), Self.checkpoint("r", right)])
    #expect(merged.steps.map(\.verb) == ["base", "left", "right", "merge"])
    #expect(merged.steps[3].inputs.map(\.step) == [1, 2])
    #expect(merged.steps[2].inputs.map(\.step) == [0])
  }

  @Test("the oldest steps are dropped if the text would exceed 1 MiB")
  func limit() throws {
    var lineage = Lineage()
    for number in 0..<60 {
      let note = String(repeating: "n", count: 30_000) + String(number)
      lineage = Self.step("step", [Self.checkpoint("a", lineage)], note: note)
    }
    let text = try lineage.json()
    #expect(text.utf8.count <= Lineage.maximumByteCount)
    let short = try Lineage(json: text)
    #expect(short.steps.count + short.droppedStepCount == 60)
    #expect(short.steps.last == nil || short.steps.last!.inputs[0].step == short.steps.count - 2)
  }

  @Test("an option that was given several times is restored in order")
  func repeatedOptions() throws {
    var options = [Lineage.Option("b", "0")]
    options += (0..<20_000).map { Lineage.Option("a", String($0)) }
    let lineage = Lineage(
      verb: "v", options: options, versions: [], inputs: [Self.checkpoint("a")])
    #expect(try Lineage(json: lineage.json()) == lineage)
  }

  @Test(
    "a text that is not a lineage is refused",
    arguments: [
      "", "{}", #"{"schema":"sumac.lineage/2","steps":[]}"#, #"{"schema":"sumac.lineage/1"}"#,
      #"{"schema":"sumac.lineage/1","steps":[1]}"#,
      #"{"schema":"sumac.lineage/1","steps":[{"verb":"v","options":{},"versions":{},"inputs":[{"name":"a","id":"b","bytes":1,"step":0}]}]}"#,
    ])
  func malformed(text: String) { #expect(throws: (any Error).self) { try Lineage(json: text) } }
}
