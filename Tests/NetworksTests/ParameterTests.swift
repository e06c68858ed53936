import Base
import Checkpoints
import Networks
import TensorCore
import TestSupport
import Testing

/// Returns a tensor in memory.
func memoryTensor(_ name: String, _ shape: [Int], _ values: [Float]) throws -> LazyTensor {
  let info = try TensorInfo(name: name, dtype: .f32, shape: Shape(shape))
  let bytes = values.littleEndianBytes
  return LazyTensor(
    info: info, source: MemoryTensorSource(info: info, values: bytes),
    stored: StoredForm(file: "memory", byteOffset: 0, byteCount: bytes.count, dtype: .f32))
}

@Suite(.needsOpenBLAS) struct ParameterTests {
  private let compute: Compute

  init() throws { compute = try OpenBLAS.compute(jobs: 2) }

  private func resident(_ name: String, _ shape: [Int], _ values: [Float]) -> ResidentParameter<
    Float
  > {
    ResidentParameter(name, Value(shape, values, in: compute.arena))
  }

  @Test("a weight of several tiles gives the same product lazily and in memory")
  func tiles() throws {
    // More than 2^20 elements, in rows that do not divide a tile.
    let (rows, columns) = (1031, 1117)
    let values: [Float] = randomNumbers(rows * columns, seed: 1)
    let x: Value<Float> = Value(
      [3, columns], randomNumbers(3 * columns, seed: 2), in: compute.arena)
    let lazy = LazyParameter<Float>(
      try memoryTensor("w", [rows, columns], values), path: "m", in: compute.arena)
    let tape = Tape<Float>(compute)
    let before = compute.arena.byteCount
    let a = try tape.apply(Linear(), [x], [lazy])
    let b = try tape.apply(Linear(), [x], [resident("w", [rows, columns], values)])
    #expect(distance(a.numbers, b.numbers.map(Double.init)) <= 1e-6)
    let turned = LazyParameter<Float>(
      try memoryTensor("w", [columns, rows], values), path: "m", in: compute.arena)
    let c = try tape.apply(LinearTransposed(), [x], [turned])
    let d = try tape.apply(LinearTransposed(), [x], [resident("w", [columns, rows], values)])
    #expect(distance(c.numbers, d.numbers.map(Double.init)) <= 1e-6)
    #expect(before > 0)
  }

  @Test("a large lazy weight is never whole in memory") func memory() throws {
    let (rows, columns) = (4096, 1024)
    let info = try TensorInfo(name: "w", dtype: .bf16, shape: Shape([rows, columns]))
    let bytes = [UInt8](repeating: 0, count: info.byteCount)
    let tensor = LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: "memory", byteOffset: 0, byteCount: bytes.count, dtype: .bf16))
    let x = Value<Float>([1, columns], isZero: true, in: compute.arena)
    let lazy = LazyParameter<Float>(tensor, path: "m", in: compute.arena)
    _ = try Tape<Float>(compute).apply(Linear(), [x], [lazy])
    #expect(compute.arena.peakByteCount < 2 * rows * columns)
    let counting = Compute.counting(jobs: 2)
    let counted = LazyParameter<Float>(tensor, path: "m", in: counting.arena)
    let input = Value<Float>([1, columns], in: counting.arena)
    _ = try Tape<Float>(counting).apply(Linear(), [input], [counted])
    #expect(counting.arena.peakByteCount >= compute.arena.peakByteCount)
    #expect(counting.arena.peakByteCount <= 2 * compute.arena.peakByteCount)
  }

  @Test("NaN and infinity in a weight are errors that name it", arguments: [Float.nan, .infinity])
  func nonfinite(value: Float) throws {
    let tensor = try memoryTensor("layer.weight", [2, 2], [1, 2, value, 4])
    let lazy = LazyParameter<Float>(tensor, path: "model", in: compute.arena)
    let x = Value<Float>([1, 2], [1, 1], in: compute.arena)
    let error = try #require(throws: FormatError.self) {
      try Tape<Float>(compute).apply(Linear(), [x], [lazy])
    }
    #expect(error.code == .nonfiniteValue && error.tensor == "layer.weight")
    #expect(error.message.contains("element 2") && error.path == "model")
  }

  /// Returns a weight [5, 7] that is merged from random models, with their numbers.
  private func combined(
    _ election: VectorElection? = nil
  ) -> (parameter: CombinedParameter<Float>, base: [Float], vectors: [[Float]]) {
    let shape = [5, 7]
    let base: [Float] = randomNumbers(35, seed: 1)
    let models: [[Float]] = [randomNumbers(35, seed: 2), randomNumbers(35, seed: 3)]
    let parameter = CombinedParameter(
      resident("w", shape, base), and: models.map { resident("m", shape, $0) },
      coefficients: [0.5, 2], election: election, isTrained: true, in: compute.arena)
    return (parameter, base, models.map { model in zip(model, base).map { $0 - $1 } })
  }

  private func numbers(_ parameter: CombinedParameter<Float>) throws -> [Float] {
    let value = Value<Float>([5, 7], in: compute.arena)
    try parameter.read(0..<35, into: value.memory, at: 0)
    return value.numbers
  }

  @Test("a combined parameter is the base with weighted differences, lazily and in memory")
  func combinedSum() throws {
    let (parameter, base, vectors) = combined()
    let expected = base.indices.map { base[$0] + vectors[0][$0] * 0.5 + vectors[1][$0] * 2 }
    #expect(try numbers(parameter) == expected)
    parameter.hold()
    try parameter.set([1, 0], compute)
    #expect(parameter.resident?.numbers == base.indices.map { base[$0] + vectors[0][$0] })
  }

  @Test("an election keeps large values with the sign of their plain sum") func election() throws {
    let rule = VectorElection(thresholds: [0.4, 0.6], zeroIsNegative: true)
    let (parameter, base, vectors) = combined(rule)
    let expected = base.indices.map { index in
      var kept = [vectors[0][index], vectors[1][index]]
      for model in 0..<2 where abs(kept[model]) < rule.thresholds[model] { kept[model] = 0 }
      let isNegative = kept[0] + kept[1] <= 0
      for model in 0..<2 where (kept[model] < 0) != isNegative { kept[model] = 0 }
      return base[index] + kept[0] * 0.5 + kept[1] * 2
    }
    #expect(try numbers(parameter) == expected)
    #expect(expected != base)
  }

  @Test("derivatives by coefficients are dot products with the differences") func derivatives()
    throws
  {
    let (parameter, _, vectors) = combined()
    let gradient: [Float] = randomNumbers(35, seed: 9)
    let found = try parameter.derivatives(
      by: Value([5, 7], gradient, in: compute.arena), compute)
    let expected = vectors.map { vector in
      zip(vector, gradient).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    #expect(distance(found, expected) <= 1e-6)
  }

  @Test("the gradient of a parameter that is used twice arrives once, and is the sum")
  func reuse() throws {
    let tape = Tape<Double>(compute, isRecording: true)
    let weight = ResidentParameter<Double>(
      "w", Value([3, 3], randomNumbers(9, seed: 1), in: compute.arena), isTrained: true)
    let x = Value<Double>([2, 3], randomNumbers(6, seed: 2), in: compute.arena)
    let y = try tape.apply(Linear(), [tape.apply(Linear(), [x], [weight])], [weight])
    var found: [[Double]] = []
    try tape.backward(from: tape.apply(Mean(factor: 6), [y])) { found.append($1.numbers) }
    func loss(_ w: [Double]) throws -> Double {
      let w = ResidentParameter<Double>("w", Value([3, 3], w, in: compute.arena))
      let tape = Tape<Double>(compute)
      return try tape.apply(Linear(), [tape.apply(Linear(), [x], [w])], [w]).numbers.reduce(0, +)
    }
    let gradient = try #require(found.count == 1 ? found[0] : nil)
    for place in 0..<9 {
      var (above, below) = (weight.value.numbers, weight.value.numbers)
      above[place] += 1e-5
      below[place] -= 1e-5
      let slope = (try loss(above) - loss(below)) / 2e-5
      #expect(abs(slope - gradient[place]) <= 1e-8)
    }
  }
}
