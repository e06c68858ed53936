package import Base
package import TensorCore

/// Reads ranges of a tensor as float32, with a stated policy for values that are not finite.
package struct FloatReader: Sendable {
  /// The treatment of NaN and infinities; F64 values beyond the range of float32 count as infinite.
  package enum Policy: Sendable {
    /// Values are read as they are.
    case allow
    /// Values are read as they are, and those that are not finite are counted.
    case count
    /// The first value of the given kind is an error, which `error` creates.
    case refuse(Refused, error: @Sendable (LazyTensor, Problem) -> any Error)
  }

  package enum Refused: Sendable {
    case nan
    case nonfinite
    /// Values that are not finite, and ranges of F64 values that would all become 0 in float32.
    case nonfiniteOrFlushed
  }

  /// The first value that a policy refuses.
  package enum Problem: Sendable, Equatable {
    case nan(element: Int)
    /// - Parameter mayBeTooLarge: True if the value is F64 and may be finite, but too large for float32.
    case infinite(element: Int, mayBeTooLarge: Bool)
    /// The values of these elements are not all 0, but would be in float32.
    case flushed(Range<Int>)

    /// The first element with the problem.
    package var element: Int {
      switch self {
      case .nan(let element), .infinite(let element, _): element
      case .flushed(let elements): elements.lowerBound
      }
    }
  }

  package let tensor: LazyTensor
  package let policy: Policy
  /// The dtype that values are rounded to before they become float32, F16 or BF16; nil for no rounding.
  package let rounding: DType?

  package init(_ tensor: LazyTensor, _ policy: Policy = .allow, rounding: DType? = nil) {
    self.tensor = tensor
    self.policy = policy
    self.rounding = rounding
  }

  // MARK: Memory

  /// Returns the number of bytes of `elementCount` values as float32.
  package static func byteCount(elementCount: Int) -> Int { 4 * elementCount }

  /// The scratch memory of a read: stored values, rounded values, and what the source needs.
  private func layout(elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      tensor.info.dtype == .f32 ? 0 : (elementCount * tensor.info.dtype.bitsPerElement + 7) / 8,
      rounding == nil ? 0 : 2 * elementCount,
      scratch: tensor.source.scratchByteCount(elementCount: elementCount))
  }

  /// Returns the bytes of scratch memory that ranges of up to `elementCount` elements need.
  package func scratchByteCount(elementCount: Int) -> Int {
    layout(elementCount: elementCount).byteCount
  }

  /// The memory of one range: its values, and the scratch memory of reading them.
  package func workspace(elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      Self.byteCount(elementCount: elementCount),
      scratch: scratchByteCount(elementCount: elementCount))
  }

  // MARK: Reading

  /// Fills the start of `values` with `elements`.
  ///
  /// - Returns: The values that are not finite, with the policy `count`; an empty tally with any other policy.
  /// - Throws: The error of the policy, or the error of reading the tensor.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  @discardableResult
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws -> NonfiniteTally {
    try read(elements, into: &values, scratch: &scratch) { _, _ in }
  }

  /// Fills the start of `values` with `elements`, and lends their stored bytes.
  ///
  /// - Parameter body: Receives the canonical bytes of the tensor's dtype, and the remaining scratch memory.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, inout MutableRawSpan) throws -> Void
  ) throws -> NonfiniteTally {
    let (count, dtype) = (elements.count, tensor.info.dtype)
    var floats = values._mutatingExtracting(0..<Self.byteCount(elementCount: count))
    return try layout(elementCount: count).withSpans(of: &scratch) { stored, narrow, rest in
      if dtype == .f32 {
        try tensor.source.read(elements, into: &floats, scratch: &rest)
        try body(floats.bytes, &rest)
        try round(&floats, through: &narrow)
        return try checked(floats.bytes, stored: floats.bytes, elements)
      }
      try tensor.source.read(elements, into: &stored, scratch: &rest)
      try convert(stored.bytes, into: &floats, through: &narrow)
      try body(stored.bytes, &rest)
      return try checked(floats.bytes, stored: stored.bytes, elements)
    }
  }

  /// Fills the start of `values` with `elements` whose stored bytes were read before.
  ///
  /// The reader must not round values.
  /// - Parameter stored: The canonical bytes of the tensor's dtype.
  @_lifetime(values: copy values)
  @discardableResult
  package func take(
    _ stored: borrowing RawSpan, of elements: Range<Int>, into values: inout MutableRawSpan
  ) throws -> NonfiniteTally {
    precondition(rounding == nil)
    var floats = values._mutatingExtracting(0..<Self.byteCount(elementCount: elements.count))
    try Kernels.best.convert(
      stored, from: tensor.info.dtype, to: .f32, elementCount: elements.count, saturating: false,
      into: &floats)
    return try checked(floats.bytes, stored: stored, elements)
  }

  @_lifetime(floats: copy floats)
  @_lifetime(narrow: copy narrow)
  private func convert(
    _ stored: borrowing RawSpan, into floats: inout MutableRawSpan,
    through narrow: inout MutableRawSpan
  ) throws {
    let (count, dtype) = (floats.byteCount / 4, tensor.info.dtype)
    guard let rounding else {
      return try Kernels.best.convert(
        stored, from: dtype, to: .f32, elementCount: count, saturating: false, into: &floats)
    }
    try Kernels.best.convert(
      stored, from: dtype, to: rounding, elementCount: count, saturating: false, into: &narrow)
    try Kernels.best.convert(
      narrow.bytes, from: rounding, to: .f32, elementCount: count, saturating: false, into: &floats)
  }

  @_lifetime(floats: copy floats)
  @_lifetime(narrow: copy narrow)
  private func round(
    _ floats: inout MutableRawSpan, through narrow: inout MutableRawSpan
  ) throws {
    guard let rounding else { return }
    let count = floats.byteCount / 4
    try Kernels.best.convert(
      floats.bytes, from: .f32, to: rounding, elementCount: count, saturating: false, into: &narrow)
    try Kernels.best.convert(
      narrow.bytes, from: rounding, to: .f32, elementCount: count, saturating: false, into: &floats)
  }

  // MARK: Policy

  private func checked(
    _ floats: borrowing RawSpan, stored: borrowing RawSpan, _ elements: Range<Int>
  ) throws -> NonfiniteTally {
    var tally = NonfiniteTally()
    switch policy {
    case .allow: break
    case .count: tally.add(floats, start: elements.lowerBound)
    case .refuse(let refused, let error):
      if let problem = problem(refused, floats, stored: stored, elements) {
        throw error(tensor, problem)
      }
    }
    return tally
  }

  private func problem(
    _ refused: Refused, _ floats: borrowing RawSpan, stored: borrowing RawSpan,
    _ elements: Range<Int>
  ) -> Problem? {
    let isWide = tensor.info.dtype == .f64
    let index: Int?
    switch refused {
    case .nan: index = Kernels.best.firstNaN(floats)
    case .nonfinite: index = Kernels.best.firstNotFinite(floats)
    case .nonfiniteOrFlushed:
      if isWide, floats.holdsOnlyZeros(width: 4), !stored.holdsOnlyZeros(width: 8) {
        return .flushed(elements)
      }
      index = Kernels.best.firstNotFinite(floats)
    }
    guard let index else { return nil }
    let value = Float(bitPattern: floats.littleEndian(UInt32.self, at: 4 * index)!)
    let element = elements.lowerBound + index
    return value.isNaN ? .nan(element: element) : .infinite(element: element, mayBeTooLarge: isWide)
  }
}

extension FormatError.Code {
  package static let nonfiniteValue = FormatError.Code(
    "values.not-finite",
    meaning:
      "A value is NaN or infinite, or too large for float32, and the operation cannot hold it.",
    remedy: "Keep the tensor without loss, leave it out, or correct the weights.")
}

extension RawSpan {
  /// Returns true if all floats are +0 or -0.
  /// - Parameter width: The number of bytes of a float, 4 or 8.
  fileprivate func holdsOnlyZeros(width: Int) -> Bool {
    var start = 0
    while start < byteCount {
      let isZero =
        width == 4
        ? littleEndian(UInt32.self, at: start)! << 1 == 0
        : littleEndian(UInt64.self, at: start)! << 1 == 0
      guard isZero else { return false }
      start += width
    }
    return true
  }
}
