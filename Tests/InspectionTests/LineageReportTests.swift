import Base
import Checkpoints
import Inspection
import Reporting
import Testing

/// Tests the tree of a lineage, whose text must stay short for lineages of any shape.
@Suite struct LineageReportTests {
  private static func report(_ steps: [Lineage.Step]) -> String {
    let checkpoint = Checkpoint(
      path: "m.sumac", container: .memory, tensors: [], lineage: Lineage(steps: steps),
      identity: InputIdentity(hash: "00", byteCount: 1), files: [])
    return LineageReport(checkpoint).sections.map { section in
      if case .line(let text) = section { text } else { "" }
    }.joined(separator: "\n")
  }

  private static func step(
    _ verb: String, inputs: [Int?], options: [Lineage.Option] = []
  ) -> Lineage.Step {
    Lineage.Step(
      verb: verb, options: options, versions: [Lineage.Option("sumac", "0")],
      inputs: inputs.map { Lineage.Input(name: "a", id: "sha256:0", byteCount: 1, step: $0) })
  }

  @Test("a tree goes back a limited number of steps and counts the others")
  func depth() {
    let count = 10_000
    let steps = (0..<count).map {
      Self.step("step\($0)", inputs: [$0 == 0 ? nil : $0 - 1])
    }
    let lines = Self.report(steps).split(separator: "\n")
    #expect(lines.count == 2 * LineageReport.depthLimit + 3)
    #expect(lines[1] == "└─ step9999  (sumac 0)")
    #expect(lines[lines.count - 2].hasSuffix("└─ …"))
    #expect(
      lines.last == "9,968 earlier steps not shown; the JSON form lists all of them")
    #expect(!Self.report(Array(steps.prefix(LineageReport.depthLimit))).contains("…"))
  }

  @Test("a tree has a limited number of inputs")
  func width() {
    let lines = Self.report([Self.step("merge", inputs: Array(repeating: nil, count: 5_000))])
      .split(separator: "\n")
    #expect(lines.count == LineageReport.lineLimit + 1)
    #expect(lines.last?.hasSuffix("… 3,002 more inputs") == true)
  }

  @Test("long options of a step are shown once")
  func repeated() {
    let long = String(repeating: "x", count: 10_000)
    let text = Self.report([
      Self.step("first", inputs: [nil], options: [Lineage.Option("note", long)]),
      Self.step("second", inputs: Array(repeating: 0, count: 500)),
    ])
    #expect(text.utf8.count < 100_000)
    #expect(text.contains("└─ first …, as above"))
  }
}
