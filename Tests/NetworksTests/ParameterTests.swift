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

  @Test("a combined parameter is the sum of its terms") func combined() throws {
    let shape = [5, 7]
    let (a, b, c): ([Float], [Float], [Float]) = (
      randomNumbers(35, seed: 1), randomNumbers(35, seed: 2), randomNumbers(35, seed: 3)
    )
    let sum = CombinedParameter(
      resident("w", shape, a),
      plus: [(0.5, resident("b", shape, b)), (-2, resident("c", shape, c))], in: compute.arena)
    let expected = a.indices.map { a[$0] + b[$0] * 0.5 + c[$0] * -2 }
    let x = Value<Float>([7, 7], (0..<49).map { $0 % 8 == 0 ? 1 : 0 }, in: compute.arena)
    let y = try Tape<Float>(compute).apply(
      LinearTransposed(), [x], [resident("i", [7, 7], x.numbers)])
    #expect(y.numbers == x.numbers)
    let product = try Tape<Float>(compute).apply(Linear(), [x], [sum])
    // x is the identity, so that the product is the transposed weight.
    for row in 0..<7 {
      for column in 0..<5 {
        #expect(product.numbers[row * 5 + column] == expected[column * 7 + row])
      }
    }
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
