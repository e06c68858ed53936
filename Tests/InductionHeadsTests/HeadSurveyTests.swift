import BLAS
import Base
import Checkpoints
import Containers
import Foundation
import InductionHeads
import Models
import Networks
import TestSupport
import Testing

/// Golden measures of a small random Llama with shared key heads, computed by a program in numpy.
struct HeadGolden: Decodable {
  var copying: [Double]
  var circuitCopying: [Double]
  var queries: [Double]
  var keys: [Double]
  var values: [Double]
  var prefixMatching: [Double]
  var duplicateToken: [Double]
  var previousToken: [Double]
  var tokens: [[Int32]]

  static func read() throws -> HeadGolden {
    try JSONDecoder().decode(
      HeadGolden.self, from: Data(Fixtures.bytes("repeats/heads.json")))
  }
}

@Suite(.needsOpenBLAS) struct HeadSurveyTests {
  private func network<S: NetworkScalar>(_ compute: Compute, as _: S.Type) throws -> Network<S> {
    let checkpoint = try Containers.read(Fixtures.path("repeats/llama.sumac"))
    let text = try Fixtures.bytes("repeats/llama.config.json")
    return try Network<S>.network(
      of: checkpoint, ModelConfigurationFile(text: text).configuration(), compute)
  }

  private func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
    a.count == b.count ? zip(a, b).map { ($0 - $1).magnitude }.max() ?? .infinity : .infinity
  }

  @Test("measures from weights agree with numpy")
  func weights() throws {
    let blas = try OpenBLAS.load(jobs: 2)
    let compute = Compute(blas)
    let golden = try HeadGolden.read()
    let measures = try HeadSurvey(network(compute, as: Double.self), compute, blas).measures(
      composition: true)
    #expect(largestDifference(measures.copying, golden.copying) < 1e-9)
    #expect(largestDifference(measures.circuitCopying, golden.circuitCopying) < 1e-9)
    let composition = try #require(measures.composition)
    // Four heads in each of two layers: only pairs from the first layer to the second are not 0.
    let later = (0..<4).flatMap { first in (4..<8).map { first * 8 + $0 } }
    let lists = [
      (composition.queries, golden.queries), (composition.keys, golden.keys),
      (composition.values, golden.values),
    ]
    for (found, expected) in lists {
      #expect(largestDifference(later.map { found[$0] }, expected) < 1e-9)
      #expect(found.indices.allSatisfy { later.contains($0) || found[$0] == 0 })
    }
  }

  @Test("shares of attention agree with transformers")
  func attention() throws {
    let compute = Compute(try OpenBLAS.load(jobs: 2))
    let golden = try HeadGolden.read()
    let network = try network(compute, as: Float.self)
    let length = 1 + 2 * golden.tokens[0].count
    var measures = AttentionMeasures(
      HeadGrid(layerCount: 2, headCount: 4), segmentLength: golden.tokens[0].count)
    var observer = Observer<Float>()
    observer.attentionShares = { measures.add(layer: $0, $1) }
    let windows = Windows(sequenceCount: golden.tokens.count, length: length)
    let run = Run(
      network, Tape(compute), try Positions(network, windows, compute), observer: observer)
    _ = try network.output(.tokens(golden.tokens.flatMap { [0] + $0 + $0 }), run)
    #expect(largestDifference(measures.prefixMatching, golden.prefixMatching) < 1e-6)
    #expect(largestDifference(measures.duplicateToken, golden.duplicateToken) < 1e-6)
    #expect(largestDifference(measures.previousToken, golden.previousToken) < 1e-6)
  }
}

struct ProbeSequencesTests {
  @Test("drawn segments have different tokens and repeat", arguments: [2, 5])
  func drawn(copies: Int) {
    let shape = ProbeSequences.Shape(count: 3, segmentLength: 6, copyCount: copies)
    let sequences = ProbeSequences(drawing: shape, start: 4, vocabularySize: 8, seed: 7)
    #expect(sequences.tokens.count == 3 * (1 + 6 * copies))
    for row in 0..<3 {
      let tokens = Array(sequences.tokens[row * sequences.length..<(row + 1) * sequences.length])
      #expect(tokens[0] == 4)
      #expect(Set(tokens[1...6]).count == 6 && !tokens[1...6].contains(4))
      #expect((7..<tokens.count).allSatisfy { tokens[$0] == tokens[$0 - 6] })
    }
  }

  @Test("the shortest segment of given rows is found")
  func given() throws {
    let rows: [Int32] = [0, 1, 2, 1, 2, 1, 2, 9, 3, 4, 3, 4, 3, 4]
    let sequences = try ProbeSequences(rows: rows, length: 7, path: "tokens.npy")
    #expect(sequences.segmentLength == 2 && sequences.copyCount == 3 && sequences.count == 2)
    let losses: [Double] = [1, 3, 0, 1, 2, 2, 3, 5, 2, 1, 4, 4]
    #expect(sequences.lossByCopy(losses) == [3, 1, 3])
  }

  @Test("rows without a repeated segment are refused")
  func refused() {
    #expect {
      try ProbeSequences(rows: [0, 1, 2, 3, 1, 2, 4], length: 7, path: "tokens.npy")
    } throws: { $0 is any UserError }
  }
}
