import Base
import Networks
import TensorCore
import TestSupport
import Testing

/// Layers that skip masked weights against the same layers that multiply them.
@Suite(.needsOpenBLAS) struct SparseLayerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var input: [Int]
    var weight: [Int]
    var stride = 1
    var padding = 0
    var share = 0.2
    var testDescription: String { "\(input) \(weight) \(stride) \(share)" }

    static let all = [
      Case(input: [2, 3, 5, 7], weight: [4, 3, 3, 3], padding: 1),
      Case(input: [5, 2, 4, 4], weight: [3, 2, 5, 5], padding: 2),
      Case(input: [3, 4, 8, 6], weight: [5, 4, 3, 3], stride: 2, padding: 1),
      Case(input: [3, 4, 7, 9], weight: [5, 4, 3, 3], stride: 2, padding: 1),
      Case(input: [2, 3, 6, 6], weight: [4, 3, 1, 1], stride: 2),
      Case(input: [1, 8, 1, 1], weight: [40, 8, 3, 3], padding: 1),
      Case(input: [2, 3, 4, 4], weight: [4, 3, 3, 3], padding: 1, share: 0),
      Case(input: [53, 24, 9, 7], weight: [32, 24, 3, 3], padding: 1),
      Case(input: [37, 16, 9, 11], weight: [40, 16, 3, 3], stride: 2, padding: 1),
      Case(input: [7, 33], weight: [40, 33]), Case(input: [70, 5], weight: [3, 5], share: 0.39),
    ]

    func operation(isSparse: Bool) -> any Operation {
      input.count == 2
        ? Linear(isSparse: isSparse) as any Operation
        : Convolution(stride: stride, padding: padding, isSparse: isSparse)
    }
  }

  struct Pass<S: NetworkScalar> {
    var output: [S]
    var inputGradient: [S]
    var weightGradient: [S]
  }

  /// Runs a layer forward and backward.
  private func run<S: NetworkScalar>(
    _ one: Case, _: S.Type, isSparse: Bool, jobs: Int = 1
  ) throws -> (pass: Pass<S>, trained: [Int]) {
    let compute = try OpenBLAS.compute(jobs: jobs)
    let count = one.weight.reduce(1, *)
    let chances: [Double] = randomNumbers(count, seed: 4)
    let kept = (0..<count).filter { (chances[$0] + 1) / 2 < one.share }
    let trained = kept.filter { $0 % 2 == 0 }
    var weights: [S] = randomNumbers(count, seed: 1)
    let stays = Set(kept)
    for index in weights.indices where !stays.contains(index) { weights[index] = 0 }
    let parameter = ResidentParameter(
      "w", Value(one.weight, weights, in: compute.arena), isTrained: true)
    if isSparse {
      parameter.pattern = SparsePattern(
        kept: SparseSupport(kept.map { UInt32($0) }, of: count),
        trained: SparseSupport(trained.map { UInt32($0) }, of: count))
    }
    let x = Value<S>(
      one.input, randomNumbers(one.input.reduce(1, *), seed: 2), needsGradient: true,
      in: compute.arena)
    let tape = Tape<S>(compute, isRecording: true)
    let y = try tape.apply(one.operation(isSparse: isSparse), [x], [parameter])
    let upstream = Value<S>(y.shape, randomNumbers(y.count, seed: 3), in: compute.arena)
    var weightGradient: [S] = []
    let gradients = try tape.backward(from: y, gradient: upstream) { weightGradient = $1.numbers }
    return (
      Pass(
        output: y.numbers, inputGradient: gradients[x]?.numbers ?? [],
        weightGradient: weightGradient), trained
    )
  }

  private func largest<S: BinaryFloatingPoint>(_ a: [S], _ b: [S]) -> Double {
    a.count == b.count ? zip(a, b).map { abs(Double($0) - Double($1)) }.max() ?? 0 : .infinity
  }

  private func check<S: NetworkScalar>(_ one: Case, _: S.Type, within error: Double) throws {
    let (dense, trained) = try run(one, S.self, isSparse: false)
    let (sparse, _) = try run(one, S.self, isSparse: true)
    #expect(largest(sparse.output, dense.output) <= error)
    #expect(largest(sparse.inputGradient, dense.inputGradient) <= error)
    let isTrained = Set(trained)
    let expected = dense.weightGradient.indices.map {
      isTrained.contains($0) ? dense.weightGradient[$0] : 0
    }
    #expect(largest(sparse.weightGradient, expected) <= error)
  }

  @Test("skipping masked weights changes results by rounding only", arguments: Case.all)
  func equal(one: Case) throws {
    try check(one, Double.self, within: 1e-13)
    try check(one, Float.self, within: 2e-5)
  }

  @Test("results have the same bits for any number of workers", arguments: Case.all)
  func workers(one: Case) throws {
    let (alone, _) = try run(one, Float.self, isSparse: true)
    let (shared, _) = try run(one, Float.self, isSparse: true, jobs: 3)
    #expect(alone.output.map(\.bitPattern) == shared.output.map(\.bitPattern))
    #expect(alone.inputGradient.map(\.bitPattern) == shared.inputGradient.map(\.bitPattern))
    #expect(alone.weightGradient.map(\.bitPattern) == shared.weightGradient.map(\.bitPattern))
  }
}
