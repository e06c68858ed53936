import BLAS
import Base
import Foundation
import ScalingLaws
import TestSupport
import Testing

/// Curves with their fits by scipy.
struct ScalingGolden: Decodable {
  struct Power: Decodable {
    var sizes: [Double]
    var losses: [Double]
    var fit: [String: Double]
  }
  struct Points: Decodable {
    var sizes: [Double]
    var tokens: [Double]
    var losses: [Double]
  }
  struct Curve: Decodable {
    var x: [Double]
    var loss: [Double]
  }
  var power: Power
  var chinchilla: Points
  var chinchillaFit: [String: Double]
  var chinchillaObjective: Double
  var hump: Curve
  var flat: [Double]

  static func read() throws -> ScalingGolden {
    try JSONDecoder().decode(
      ScalingGolden.self, from: Data(Fixtures.bytes("repeats/scaling.json")))
  }
}

struct PowerLawTests {
  private static let hasBLAS: Bool = {
    do throws(BLASError) {
      _ = try BLAS.load(crew: Crew(jobs: 1, cancellation: Cancellation()))
      return true
    } catch {
      if case .missing = error.problem { return false }
      return true
    }
  }()

  @Test("an exact law is found again, and inverted")
  func exact() throws {
    let sizes = (0..<10).map { 1e6 * pow(10, Double($0) / 3) }
    let law = PowerLaw.fitted(sizes: sizes, losses: sizes.map { 1.55 + 18 * pow($0, -0.17) })
    #expect((law.floor - 1.55).magnitude < 1e-6)
    #expect((law.factor - 18).magnitude < 1e-5)
    #expect((law.exponent - 0.17).magnitude < 1e-7)
    let size = try #require(law.size(ofLoss: law.loss(ofSize: 4e8)))
    #expect((size / 4e8 - 1).magnitude < 1e-9)
    #expect(law.size(ofLoss: 1.5) == nil)
  }

  @Test("a noisy curve has the squared error of scipy's fit")
  func noisy() throws {
    let golden = try ScalingGolden.read().power
    let law = PowerLaw.fitted(sizes: golden.sizes, losses: golden.losses)
    #expect(law.squaredError <= golden.fit["sse"]! * (1 + 1e-6))
    #expect((law.exponent - golden.fit["alpha"]!).magnitude < 1e-5)
  }

  @Test("a fit of Chinchilla's law is as good as scipy's", .enabled(if: hasBLAS))
  func chinchilla() throws {
    let golden = try ScalingGolden.read()
    let points = golden.chinchilla.sizes.indices.map {
      ChinchillaLaw.Point(
        size: golden.chinchilla.sizes[$0], tokens: golden.chinchilla.tokens[$0],
        loss: golden.chinchilla.losses[$0])
    }
    let blas = try BLAS.load(crew: Crew(jobs: 1, cancellation: Cancellation()))
    let law = try ChinchillaLaw.fitted(points, by: blas)
    #expect(law.objective <= golden.chinchillaObjective * (1 + 1e-5))
    let fit = golden.chinchillaFit
    let differences = points.map { point in
      let a = fit["A"]! * pow(point.size, -fit["alpha"]!)
      let b = fit["B"]! * pow(point.tokens, -fit["beta"]!)
      return (law.loss(ofSize: point.size, tokens: point.tokens) - fit["E"]! - a - b).magnitude
    }
    #expect(differences.max()! < 1e-3)
  }

  @Test("a hump is found where scipy finds it, and none in noise")
  func humps() throws {
    let golden = try ScalingGolden.read()
    let search = HumpSearch(x: golden.hump.x, losses: golden.hump.loss)
    let peak = try #require(search.hump)
    #expect(search.peaks.count == 1 && peak.index == 43)
    #expect((peak.prominence - 0.193_605_794_4).magnitude < 1e-8)
    #expect((search.largestRise - 0.200_990_524_3).magnitude < 1e-8)
    #expect(HumpSearch(x: golden.hump.x, losses: golden.flat).hump == nil)
  }

  @Test("a hump of few points is found without smoothing")
  func fewPoints() {
    let search = HumpSearch(x: [1, 32, 128, 512, 4_000], losses: [3.71, 3.83, 4.02, 4.01, 3.84])
    #expect(search.window == 1 && search.hump?.x == 128)
  }
}

struct ExtremeNumberTests {
  @Test("a size beyond all numbers is none")
  func infinite() {
    let law = PowerLaw.withoutFloor(sizes: [1e6, 1e7], losses: [2, 1.999999])
    #expect(law.size(ofLoss: 1) == nil)
    #expect(law.size(ofLoss: 2) != nil)
  }

  @Test("prominences are the heights over the higher of the lowest losses on both sides")
  func prominences() throws {
    var generator = SeededGenerator(seed: 5)
    for count in [3, 14, 200] {
      let losses = (0..<count).map { _ in Double(Int.random(in: 0..<9, using: &generator)) }
      let search = HumpSearch(
        x: losses.indices.map { Double($0) }, losses: losses, window: 1, leastProminence: 1)
      for peak in search.peaks {
        func lowest(_ side: some Sequence<Int>) -> Double {
          side.prefix { losses[$0] <= peak.loss }.map { losses[$0] }.min() ?? peak.loss
        }
        let expected =
          peak.loss
          - max(lowest((0..<peak.index).reversed()), lowest(peak.index + 1..<losses.count))
        #expect(peak.prominence == expected)
      }
      #expect(count == 3 || search.peaks.count > 1)
    }
  }

  @Test(
    "numbers that a law cannot be fitted to are refused by their column",
    arguments: [
      ("parameters,loss\n1e6,-1\n1e7,2\n", "'loss' has -1.0"),
      ("parameters,loss\n1e6,3\n1e300,2\n", "'parameters' has 1e+300"),
      ("parameters,loss\n1e6,3\n0,2\n", "'parameters' has 0.0"),
      ("parameters,tokens,loss\n1e6,1e-40,3\n1e7,1,2\n", "'tokens' has 1e-40"),
      ("parameters,repeats,loss\n1e6,-2,3\n1e7,1,2\n", "'repeats' has -2.0"),
      ("parameters,loss\n1e6,2\n1e7,2.5\n1e8,3\n", "rise with the size"),
      ("parameters,loss\n1e6,2\n1e7,2.5\n", "rise with the size"),
    ])
  func refused(text: String, reason: String) throws {
    let table = try LossTable(Array(text.utf8), path: "losses.csv")
    let error = #expect(throws: UsageError.self) {
      try LossCurves(table, LossCurves.Settings()) { throw UsageError("not needed") }
    }
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
  }

  @Test("a column of equal numbers has no slope, and no size has another loss")
  func constant() throws {
    let text = "parameters,tokens,step,loss\n1e6,1,1,2\n1e7,1,1,2\n1e8,1,1,2\n"
    var settings = LossCurves.Settings()
    settings.cases = [[1e7, 1]]
    let curves = try LossCurves(
      LossTable(Array(text.utf8), path: "losses.csv"), settings
    ) { throw UsageError("not needed") }
    #expect(curves.largestError == 0 && curves.curves.allSatisfy { $0.search.hump == nil })
    #expect(curves.effectiveSizes.map(\.effective) == [nil])
  }

  @Test("settings without effect are refused by name")
  func withoutEffect() throws {
    let table = try LossTable(
      Array("parameters,tokens,loss\n1e6,1e9,3\n1e7,1e9,2\n".utf8), path: "losses.csv")
    var (tokens, window) = (LossCurves.Settings(), LossCurves.Settings())
    tokens.tokens = "tokens"
    window.window = 3
    for (settings, name) in [(tokens, "tokens has no effect"), (window, "smooth has no effect")] {
      let error = #expect(throws: UsageError.self) {
        try LossCurves(table, settings) { throw UsageError("not needed") }
      }
      #expect(error?.message.contains(name) == true, "\(error?.message ?? "")")
    }
  }
}

struct LossTableTests {
  @Test("effective sizes compare rows with repeats with the family without")
  func effective() throws {
    let text = """
      name,parameters,repeats,loss
      a,1e6,1,4
      b,1e7,1,3
      c,1e8,1,2.5
      d,1e8,100,3
      """
    let table = try LossTable(Array(text.utf8), path: "losses.csv")
    #expect(table.names == ["parameters", "repeats", "loss"])
    let curves = try LossCurves(table, LossCurves.Settings()) { throw UsageError("not needed") }
    let row = try #require(curves.effectiveSizes.first)
    #expect(curves.effectiveSizes.count == 1 && row.repeats == 100)
    #expect((row.effective! / 1e7 - 1).magnitude < 1e-6)
  }

  @Test(
    "tables without usable columns are refused",
    arguments: ["", "loss\n", "loss,n\n1\n", "[1, 2]", "{\"a\": [1], \"b\": [1, 2]}", "name\nx\n"])
  func refused(text: String) {
    #expect { try LossTable(Array(text.utf8), path: "losses.csv") } throws: { $0 is any UserError }
  }
}
