import Base
import Checkpoints
import Surveys
import TensorCore
import TestSupport
import Testing

/// Compares statistics with simple computations of their definitions.
@Suite struct SurveyTests {
  /// Shapes of one and of several chunks, with short rows and with rows that are split.
  static let shapes = [
    [1, 1], [7, 5], [64, 33], [270, 1000], [1, 270_000], [40, 16, 3, 5],
  ]

  private static func pqIndex(_ values: [Float], _ exponents: PQIndex) -> Double {
    func mean(_ r: Double) -> Double {
      let sum = values.reduce(0.0) { $0 + power(Double($1.magnitude), r) }
      return power(sum / Double(values.count), 1 / r)
    }
    let q = mean(exponents.q)
    return q == 0 ? 0 : max(0, 1 - mean(exponents.p) / q)
  }

  @Test("tensors whose magnitudes are sorted fill the histogram of the model as others do")
  func histograms() throws {
    var values = try LazyTensor.random("w", [300], seed: 5, zeros: 0.2).bytes().floats
    values[7] = .infinity
    values[11] = -.nan
    values[13] = Float(bitPattern: 0x8000_1000)
    var counters = ByteBuffer(byteCount: Kernels.surveyCounterByteCount)
    var span = counters.mutableBytes
    span.fill()
    let bytes = values.filter(\.isFinite).littleEndianBytes
    Kernels.best.surveyHistogram(bytes.rawSpan, into: &span)
    var expected = MagnitudeHistogram()
    expected.add(counters.bytes)
    let tensors = try [
      LazyTensor.floats("a", [10, 10], Array(values[0..<100])),
      LazyTensor.floats("b", [200], Array(values[100...])), LazyTensor.floats("c", [0], []),
    ]
    let found = try StatisticsSurvey().result(
      of: tensors, rows: tensors.lastRows, engine: .test())
    #expect(found.magnitudes == expected)
    #expect(found.model.distribution?.octaves == expected.octaves)
    #expect(found.tensors[1].distribution?.octaves != nil)
    #expect(found.tensors[2].distribution?.octaves == nil)
  }

  @Test("every measure matches its definition", arguments: shapes, [0.0, 0.6])
  func measures(shape: [Int], zeros: Double) throws {
    let tensor = try LazyTensor.random("w", shape, seed: UInt64(shape.count), zeros: zeros)
    let values = try tensor.bytes().floats
    let exponents = try #require(PQIndex(p: 0.5, q: 1.5))
    let found = try StatisticsSurvey(exponents: exponents).result(
      of: [tensor], rows: [tensor].lastRows, engine: .test())
    let distribution = try #require(found.tensors[0].distribution)
    let matrix = try #require(distribution.matrix)
    let sorted = values.map { Double($0.magnitude) }.sorted()
    let squareSum = sorted.reduce(0) { $0 + $1 * $1 }
    let mean = sorted.reduce(0, +) / Double(sorted.count)
    let scale = max(mean, 1e-30)

    #expect(abs(distribution.pqIndex - Self.pqIndex(values, exponents)) <= 1e-12)
    for (level, value) in zip(TensorStatistics.Distribution.levels, distribution.quantiles) {
      let position = level * Double(sorted.count - 1)
      let low = Int(position)
      let high = min(low + 1, sorted.count - 1)
      let expected = sorted[low] + (sorted[high] - sorted[low]) * (position - Double(low))
      #expect(abs(value - expected) <= 1e-12 * scale, "\(level)")
    }
    let top = sorted.suffix(Int((Double(sorted.count) / 100).rounded(.up)))
    if squareSum > 0 {
      let share = top.reduce(0) { $0 + $1 * $1 } / squareSum
      #expect(abs(try #require(distribution.topEnergyShare) - share) <= 1e-12)
    }
    var weighted = 0.0
    for (index, value) in sorted.enumerated() {
      weighted += (2 * Double(index + 1) - Double(sorted.count) - 1) * value
    }
    let gini =
      weighted / (Double(sorted.count) * (sorted.reduce(0, +) + Double(sorted.count) * 1e-7))
    let allowed = sorted.count <= 1 << 18 ? 1e-12 : 1e-6
    #expect(abs(try #require(distribution.gini) - gini) <= allowed)

    let columns = shape.last!
    let limit = 6 * (squareSum / Double(values.count)).squareRoot()
    let outliers = (0..<columns).count { column in
      stride(from: column, to: values.count, by: columns).contains {
        Double(values[$0].magnitude) > limit
      }
    }
    #expect(matrix.outlierChannelCount == outliers)
    #expect(abs(matrix.zeroBlockShare - Self.zeroBlockShare(values, columns)) <= 1e-12)
    let pattern = Self.pattern(values, columns)
    #expect(abs(matrix.fittingShare - pattern.fitting) <= 1e-12)
    if squareSum > 0 {
      #expect(abs(try #require(matrix.keptEnergyShare) - pattern.kept / squareSum) <= 1e-12)
    }
  }

  private static func zeroBlockShare(_ values: [Float], _ columns: Int) -> Double {
    let rows = values.count / columns
    var (zero, all) = (0, 0)
    for top in stride(from: 0, to: rows, by: 16) {
      for left in stride(from: 0, to: columns, by: 16) {
        all += 1
        let holds = (top..<min(top + 16, rows)).contains { row in
          (left..<min(left + 16, columns)).contains { values[row * columns + $0] != 0 }
        }
        zero += holds ? 0 : 1
      }
    }
    return Double(zero) / Double(all)
  }

  private static func pattern(_ values: [Float], _ columns: Int) -> (fitting: Double, kept: Double)
  {
    var (fitting, groups, kept) = (0, 0, 0.0)
    for row in stride(from: 0, to: values.count, by: columns) {
      for start in stride(from: row, to: row + columns, by: 4) {
        let group = values[start..<min(start + 4, row + columns)].map { Double($0.magnitude) }
        groups += 1
        fitting += group.count { $0 != 0 } <= 2 ? 1 : 0
        kept += group.sorted().suffix(2).reduce(0) { $0 + $1 * $1 }
      }
    }
    return (Double(fitting) / Double(groups), kept)
  }

  @Test("statistics have the same bits for any number of workers")
  func workers() throws {
    let tensors = try Self.shapes.enumerated().map {
      try LazyTensor.random("w\($0)", $1, seed: UInt64($0), zeros: 0.1)
    }
    let survey = StatisticsSurvey(exponents: try #require(PQIndex(p: 0.3, q: 1.7)))
    let one = try survey.result(
      of: tensors, rows: tensors.lastRows, engine: .test(workers: 1))
    for workers in [2, 5] {
      #expect(
        try survey.result(
          of: tensors, rows: tensors.lastRows, engine: .test(workers: workers)) == one)
    }
  }

  @Test("the statistics of all tensors match those of one tensor with all values")
  func model() throws {
    let parts = try (0..<3).map { try LazyTensor.random("w\($0)", [200, 700], seed: UInt64($0)) }
    let values = try parts.flatMap { try $0.bytes().floats }
    let whole = try LazyTensor.floats("w", [600, 700], values)
    let survey = StatisticsSurvey()
    let together = try #require(
      try survey.result(
        of: parts, rows: parts.lastRows, engine: .test()
      ).model.distribution)
    let one = try #require(
      try survey.result(
        of: [whole], rows: [whole].lastRows, engine: .test()
      ).tensors[0].distribution)
    #expect(together.quantiles == one.quantiles)
    #expect(abs(together.pqIndex - one.pqIndex) <= 1e-13)
    #expect(abs(together.gini! - one.gini!) <= 1e-7)
    #expect(abs(together.topEnergyShare! - one.topEnergyShare!) <= 1e-13)
  }

  @Test("patterns, channels, blocks and neurons follow the rows, wherever they are")
  func rows() throws {
    // [in, out] and a convolution, with more than one chunk each.
    for (dimensions, axes) in [([900, 640], 0..<1), ([700, 90, 3, 3], 1..<4)] {
      let tensor = try LazyTensor.random("w", dimensions, seed: 2, zeros: 0.5)
      let rows = RowGeometry(tensor.info.shape, axes: axes)
      let values = try tensor.bytes().floats
      var moved = values
      for (element, value) in values.enumerated() {
        let (row, column) = rows.position(of: element)
        moved[row * rows.length + column] = value
      }
      let matrix = try LazyTensor.floats("w", [rows.count, rows.length], moved)
      let survey = StatisticsSurvey()
      let found = try survey.result(of: [tensor], rows: [rows], engine: .test(workers: 3))
      let wanted = try survey.result(of: [matrix], rows: [matrix].lastRows, engine: .test())
      let (left, right) = (
        try #require(found.tensors[0].distribution?.matrix),
        try #require(wanted.tensors[0].distribution?.matrix)
      )
      #expect(left.channelCount == right.channelCount)
      #expect(left.outlierChannelCount == right.outlierChannelCount)
      #expect(abs(left.zeroBlockShare - right.zeroBlockShare) < 1e-12)
      // Where rows lie apart, a group at the border of two chunks counts as two.
      let tolerance = rows.isContiguous ? 1e-12 : 0.01
      #expect(abs(left.fittingShare - right.fittingShare) <= tolerance)
      #expect(
        abs(try #require(left.keptEnergyShare) - (try #require(right.keptEnergyShare)))
          <= tolerance)
      let neurons = try NeuronSurvey().result(of: [tensor], rows: [rows], engine: .test(workers: 2))
      #expect(
        try neurons
          == NeuronSurvey().result(of: [matrix], rows: [matrix].lastRows, engine: .test()))
    }
  }

  @Test("values that are not finite are counted and otherwise ignored")
  func nonfinite() throws {
    let finite: [Float] = [1, -2, 3, 0]
    let tensor = try LazyTensor.floats(
      "w", [2, 4], finite + [.nan, .infinity, -.infinity, 0])
    let plain = try LazyTensor.floats("w", [5], finite + [0])
    let survey = StatisticsSurvey()
    let found = try survey.result(
      of: [tensor, plain], rows: [tensor, plain].lastRows, engine: .test()
    ).tensors
    #expect(found[0].moments.nans == 1)
    let (with, without) = (found[0].distribution!, found[1].distribution!)
    #expect(with.pqIndex == without.pqIndex)
    #expect(with.quantiles == without.quantiles)
    #expect(with.gini == without.gini)
    #expect(with.topEnergyShare == without.topEnergyShare)
  }

  @Test("tensors without values, of zeros and of integers have the statistics that are defined")
  func edges() throws {
    let empty = try LazyTensor.floats("e", [0, 4], [])
    let zeros = try LazyTensor.floats("z", [4, 4], [Float](repeating: 0, count: 16))
    let info = try TensorInfo(name: "i", dtype: .i32, shape: Shape([2]))
    let integers = LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: [1, 0, 0, 0, 2, 0, 0, 0]),
      stored: empty.stored)
    let wide = try LazyTensor.floats("w", [1 << 40, 0], [])
    #expect(StatisticsSurvey.fixedByteCount([wide], rows: [wide].lastRows) < 32 << 20)
    let found = try StatisticsSurvey().result(
      of: [empty, zeros, integers], rows: [empty, zeros, integers].lastRows, engine: .test())
    #expect(found.tensors[0].distribution?.quantiles == [])
    #expect(found.tensors[0].distribution?.pqIndex == 0)
    #expect(found.tensors[1].distribution?.pqIndex == 0)
    #expect(found.tensors[1].distribution?.gini == 0)
    #expect(found.tensors[1].distribution?.matrix?.zeroBlockShare == 1)
    #expect(found.tensors[2].distribution == nil)
    #expect(found.tensors[2].moments.sum == 3)
  }

  @Test(
    "invalid exponents are rejected", arguments: [(0.0, 1.0), (1, 1), (2, 1), (-1, 1)])
  func exponents(p: Double, q: Double) {
    #expect(PQIndex(p: p, q: q) == nil)
    #expect(PQIndex(p: 1, q: .infinity) == nil)
    #expect(PQIndex(p: .nan, q: 1) == nil)
  }

  @Test(
    "the index of Gauss and Laplace values matches the closed forms",
    arguments: [(0.5, 1.0, 0.1528, 0.2146), (1.0, 2.0, 0.2021, 0.2929)])
  func closedForms(p: Double, q: Double, gauss: Double, laplace: Double) throws {
    var random = SeededGenerator(seed: 7)
    let count = 100_000
    let normal = (0..<count).map { _ -> Float in
      let radius = (-2 * logarithm(Double.random(in: 1e-12..<1, using: &random))).squareRoot()
      return Float(radius * cosine(Double.random(in: 0..<(2 * .pi), using: &random)))
    }
    let exponential = (0..<count).map { _ in
      Float(-logarithm(Double.random(in: 1e-12..<1, using: &random)))
    }
    let tensors = [
      try LazyTensor.floats("g", [count], normal), try LazyTensor.floats("l", [count], exponential),
    ]
    let survey = StatisticsSurvey(exponents: try #require(PQIndex(p: p, q: q)))
    let found = try survey.result(
      of: tensors, rows: tensors.lastRows, engine: .test()
    ).tensors.map {
      $0.distribution!.pqIndex
    }
    #expect(abs(found[0] - gauss) <= 4e-3)
    #expect(abs(found[1] - laplace) <= 4e-3)
  }
}
