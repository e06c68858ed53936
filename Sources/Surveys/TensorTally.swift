import Base
import Checkpoints
import TensorCore

/// The counts and sums that one pass gathers over a tensor, or over several.
struct TensorTally: Sendable {
  private let info: TensorInfo?
  private let rows: RowGeometry?
  private let survey: StatisticsSurvey
  private var moments = Moments()
  private var powers = PowerSums()
  /// The magnitudes of the values; nil for a tensor whose magnitudes are sorted.
  private var histogram: MagnitudeHistogram?
  private var fit = Kernels.PatternFit()
  /// The values of a group of which the next chunk has the rest.
  private var openGroup: [Float] = []
  /// The float32 bits of the largest magnitude of each input.
  private var peaks: [UInt32] = []
  private var blocks: BlockMap?
  private var sample: SizeSample?
  private var packedByteCount = 0
  /// The results from sorted magnitudes, for a tensor that is a single small chunk.
  private var sorted: SortedMagnitudes?
  /// True if no bin of the histogram can contain two different values.
  private var isSettled: Bool

  /// - Parameter rows: The rows of the tensor; nil for several tensors.
  init(_ info: TensorInfo?, rows: RowGeometry?, survey: StatisticsSurvey) {
    self.info = info
    self.rows = rows
    self.survey = survey
    isSettled = info.map(\.dtype.fillsBins) ?? true
    guard let info else {
      histogram = MagnitudeHistogram()
      return
    }
    guard info.dtype.isFloat else { return }
    if !Self.isSorted(info) { histogram = MagnitudeHistogram() }
    if info.dtype.bitsPerElement % 8 == 0 {
      sample = SizeSample(width: info.dtype.bitsPerElement / 8)
    }
    guard info.isMatrix, let rows else { return }
    if rows.hasChannels { peaks = [UInt32](repeating: 0, count: rows.length) }
    blocks = BlockMap(
      rows: rows.isContiguous ? rows.outer : rows.outer * rows.length,
      columns: rows.isContiguous ? rows.length : rows.inner)
  }

  /// The maximum number of values that are sorted.
  static let sortedLimit = 1 << 18

  /// True if the magnitudes of a tensor are sorted: it is a single small chunk.
  fileprivate static func isSorted(_ info: TensorInfo) -> Bool {
    info.elementCount <= sortedLimit && info.grid.count <= 1
  }

  static func byteCount(_ info: TensorInfo, _ rows: RowGeometry) -> Int {
    guard info.dtype.isFloat else { return 1024 }
    let magnitudes =
      isSorted(info)
      ? 8 * info.elementCount + MemoryLayout<MagnitudeRuns.Run>.stride
        * min(info.elementCount, MagnitudeHistogram.binCount)
      : MagnitudeHistogram.binCount * 16
    return magnitudes + (rows.hasChannels ? 4 * rows.length : 0)
      + (info.isMatrix ? BlockMap.byteCount(rows) : 0) + 16384
  }

  /// Returns the layout of a worker's memory: counters, values as float32, the mask of nonzeros, the peaks of the
  /// inputs, and scratch memory. The words after the mask are aligned.
  fileprivate static func layout(
    _ info: TensorInfo, _ rows: RowGeometry, elementCount: Int
  ) -> WorkspaceLayout {
    let moments = Moments.scratchByteCount(dtype: info.dtype, elementCount: elementCount)
    guard info.dtype.isFloat else { return WorkspaceLayout(0, 0, 0, 0, scratch: moments) }
    let columns = info.isMatrix && rows.hasChannels ? rows.length : 0
    return WorkspaceLayout(
      isSorted(info) ? 0 : Kernels.surveyCounterByteCount,
      FloatReader.byteCount(elementCount: elementCount),
      Kernels.maskByteCount(elementCount: elementCount), 4 * columns,
      scratch: max(moments, SizeSample.scratchByteCount(width: info.dtype.bitsPerElement / 8)),
      alignment: 64)
  }

  static func scratchByteCount(_ info: TensorInfo, _ rows: RowGeometry) -> Int {
    layout(info, rows, elementCount: info.grid.largestChunk).byteCount
  }

  // MARK: Parts

  /// The counts and sums that a worker gathers over a chunk. Counters, peaks and masks stay in its scratch
  /// memory.
  struct Part: Sendable {
    fileprivate var moments = Moments()
    fileprivate var powers = PowerSums()
    fileprivate var patterns = PatternPart()
    fileprivate var sample: SizeSample?
    fileprivate var sorted: SortedMagnitudes?

    @_lifetime(scratch: copy scratch)
    mutating func read(
      _ values: borrowing RawSpan, _ info: TensorInfo, _ rows: RowGeometry,
      _ elements: Range<Int>, survey: StatisticsSurvey, scratch: inout MutableRawSpan
    ) throws {
      guard info.dtype.isFloat else {
        moments = try Moments(
          of: values, dtype: info.dtype, elementCount: elements.count, scratch: &scratch)
        return
      }
      let count = elements.count
      let layout = TensorTally.layout(info, rows, elementCount: count)
      try layout.withSpans(of: &scratch) { counters, floats, mask, peaks, rest in
        counters.fill()
        if info.dtype.bitsPerElement % 8 == 0 {
          var found = SizeSample(width: info.dtype.bitsPerElement / 8)
          found.add(values, scratch: &rest)
          sample = found
        }
        guard info.dtype != .f32 else {
          moments = try Moments(of: values, dtype: .f32, elementCount: count, scratch: &rest)
          addDistribution(values, info, elements, survey, &counters)
          return addPositions(values, info, rows, elements, survey.pattern, &mask, &peaks)
        }
        try Kernels.best.convert(
          values, from: info.dtype, to: .f32, elementCount: count, saturating: false,
          into: &floats)
        moments =
          info.dtype == .f64
          ? try Moments(of: values, dtype: .f64, elementCount: count, scratch: &rest)
          : try Moments(of: floats.bytes, dtype: .f32, elementCount: count, scratch: &rest)
        addDistribution(floats.bytes, info, elements, survey, &counters)
        addPositions(floats.bytes, info, rows, elements, survey.pattern, &mask, &peaks)
      }
    }

    @_lifetime(counters: copy counters)
    private mutating func addDistribution(
      _ floats: borrowing RawSpan, _ info: TensorInfo, _ elements: Range<Int>,
      _ survey: StatisticsSurvey, _ counters: inout MutableRawSpan
    ) {
      powers = PowerSums(floats, survey.exponents, moments: info.dtype == .f64 ? nil : moments)
      if TensorTally.isSorted(info) {
        sorted = SortedMagnitudes(floats.sortedMagnitudes())
      } else {
        Kernels.best.surveyHistogram(floats, into: &counters)
      }
    }

    /// Measures how the values of a matrix fit the pattern, marks those that are not 0, and finds the peak of each
    /// input.
    @_lifetime(mask: copy mask)
    @_lifetime(peaks: copy peaks)
    private mutating func addPositions(
      _ floats: borrowing RawSpan, _ info: TensorInfo, _ rows: RowGeometry,
      _ elements: Range<Int>, _ pattern: Pattern, _ mask: inout MutableRawSpan,
      _ peaks: inout MutableRawSpan
    ) {
      guard info.isMatrix else { return }
      patterns = PatternPart(floats, elements, rows, pattern)
      if moments.zeros > 0 { _ = Kernels.best.nonzeroMask(floats, width: 4, into: &mask) }
      guard rows.hasChannels else { return }
      peaks.fill()
      floats.addPeaks(elements, rows, to: &peaks)
    }
  }

  /// Adds the part of a worker that read `elements`, which follow the elements added before.
  mutating func add(_ part: Part, _ scratch: borrowing RawSpan, _ elements: Range<Int>) {
    moments.merge(part.moments)
    guard let info, info.dtype.isFloat else { return }
    powers.merge(part.powers)
    sorted = part.sorted
    if let found = part.sample { sample?.merge(found) }
    histogram?.add(scratch)
    guard info.isMatrix, let rows else { return }
    openGroup = part.patterns.merged(after: openGroup, survey.pattern, into: &fit)
    let layout = Self.layout(info, rows, elementCount: elements.count)
    if part.moments.zeros > 0 {
      blocks?.mark(elements, nonzero: scratch.extracting(layout.range(ofPart: 2)))
    } else {
      blocks?.mark(elements)
    }
    guard rows.hasChannels else { return }
    let found = layout.range(ofPart: 3)
    for column in peaks.indices {
      let peak = scratch.littleEndian(UInt32.self, at: found.lowerBound + 4 * column)!
      peaks[column] = max(peaks[column], peak)
    }
  }

  /// Adds the complete tally of a tensor to a tally of several tensors.
  mutating func merge(_ other: TensorTally) {
    moments.merge(other.moments)
    powers.merge(other.powers)
    if let magnitudes = other.histogram { histogram?.merge(magnitudes) }
    if let sorted = other.sorted { histogram?.add(sorted.runs) }
    isSettled = isSettled && other.isSettled
    packedByteCount += other.estimatedByteCount ?? other.info?.byteCount ?? 0
  }

  private var estimatedByteCount: Int? {
    guard let info else { return packedByteCount }
    return sample?.byteCount(elementCount: info.elementCount)
  }

  // MARK: Results

  /// The magnitudes of all values of a tally of several tensors.
  var magnitudes: MagnitudeHistogram { histogram ?? MagnitudeHistogram() }

  /// The results of a tally whose tensors have been read.
  struct Finished: Sendable {
    var moments: Moments
    var distribution: TensorStatistics.Distribution?
    var wanted: WantedRanks
  }

  var finished: Finished {
    guard info.map(\.dtype.isFloat) ?? true else {
      return Finished(moments: moments, wanted: WantedRanks())
    }
    let index = survey.exponents.value(count: moments.finiteCount, powerSums: powers)
    return Finished(
      moments: moments,
      distribution: TensorStatistics.Distribution(
        exponents: survey.exponents, pqIndex: index,
        gini: sorted.map(\.gini) ?? Gini.value(magnitudes, magnitudeSum: moments.magnitudeSum),
        matrix: matrix, packedByteCount: estimatedByteCount,
        octaves: sorted.map(\.runs.octaves) ?? magnitudes.octaves),
      wanted: sorted.map { WantedRanks(count: $0.count, settled: $0.quantiles) }
        ?? WantedRanks(magnitudes, isSettled: isSettled))
  }

  private var matrix: TensorStatistics.MatrixStatistics? {
    guard let info, info.isMatrix, let rows else { return nil }
    let limit =
      TensorStatistics.MatrixStatistics.outlierFactor
      * (moments.squareSum / Double(max(1, moments.finiteCount))).squareRoot()
    return TensorStatistics.MatrixStatistics(
      channelCount: rows.length,
      outlierChannelCount: rows.hasChannels
        ? peaks.count { Double(Float(bitPattern: $0)) > limit } : nil,
      pattern: survey.pattern,
      fittingShare: fit.groups > 0 ? Double(fit.fitting) / Double(fit.groups) : 1,
      keptEnergyShare: moments.squareSum > 0 ? fit.keptSquares / moments.squareSum : nil,
      zeroBlockShare: blocks?.zeroShare ?? 0)
  }
}

extension TensorTally.Finished {
  func statistics(quantiles: Quantiles) -> TensorStatistics {
    var distribution = distribution
    distribution?.quantiles = quantiles.values
    distribution?.topEnergyShare =
      moments.squareSum > 0 ? quantiles.topSquareSum / moments.squareSum : nil
    return TensorStatistics(moments: moments, distribution: distribution)
  }
}

extension TensorInfo {
  /// True if the tensor has rows and columns: two or more dimensions, and at least one value.
  var isMatrix: Bool { shape.dimensions.count >= 2 && elementCount > 0 }
}

extension RowGeometry {
  /// True if a peak is recorded for each input, which is limited to rows of 2²⁰ elements.
  var hasChannels: Bool { length <= 1 << 20 }
}

extension PowerSums {
  /// Computes the sums over finite F32 values. Sums that `moments` already contains are reused.
  init(_ floats: borrowing RawSpan, _ exponents: PQIndex, moments: Moments?) {
    func sum(_ exponent: Double) -> Double {
      switch (exponent, moments) {
      case (1, let moments?): moments.magnitudeSum
      case (2, let moments?): moments.squareSum
      default: Kernels.best.powerSum(floats, p: exponent)
      }
    }
    self.init(p: sum(exponents.p), q: sum(exponents.q))
  }
}

extension RawSpan {
  /// Returns the magnitudes of finite F32 values as ascending float32 bits.
  func sortedMagnitudes() -> [UInt32] {
    var magnitudes: [UInt32] = []
    magnitudes.reserveCapacity(byteCount / 4)
    for index in 0..<byteCount / 4 {
      let bits = littleEndian(UInt32.self, at: 4 * index)! & 0x7FFF_FFFF
      if bits < 0x7F80_0000 { magnitudes.append(bits) }
    }
    return magnitudes.radixSorted()
  }
}

extension DType {
  /// True if the values as float32 have no bits below the upper 16 of their magnitude.
  fileprivate var fillsBins: Bool {
    switch self {
    case .f16, .f32, .f64: false
    default: true
    }
  }
}
