import Base
package import TensorCore

/// The groups of values that share a scale. Specification, section 9.3.
package struct GroupSpec: Sendable, Equatable {
  /// The index of a dimension of the tensor; 0 for a scalar.
  package var axis: Int
  /// The number of dimensions, from `axis` on, that count as one.
  package var fold: Int
  /// The number of positions of a group along the axis; 0 if the whole tensor is one group.
  package var size: Int
  /// The range of all values if one scale applies to the whole tensor; known after a survey.
  var tensorRange: [Float]?

  package init(axis: Int, fold: Int = 1, size: Int) {
    self.axis = axis
    self.fold = fold
    self.size = size
  }

  /// The key of the parameter `fold`, which is present only if it is not 1.
  static let foldKey = "fold"
  /// The feature that a file with folded dimensions requires of its readers.
  package static let foldFeature = "groups:fold"

  init(
    _ reader: inout ParameterReader, dimensions: [Int]
  ) throws(CodecProblem) {
    axis = try reader.integer("axis", in: 0...max(0, dimensions.count - 1))
    fold =
      reader.has(Self.foldKey)
      ? try reader.integer(Self.foldKey, in: 2...max(2, dimensions.count - axis)) : 1
    guard fold <= max(1, dimensions.count - axis) else {
      throw reader.problem("has a 'fold' beyond the last dimension")
    }
    size = try reader.integer("group", in: 0...(Shape.dimensionLimit - 1))
  }

  var parameters: CBORMap {
    var map: CBORMap = ["axis": CBORValue(axis), "group": CBORValue(size)]
    if fold > 1 { map[Self.foldKey] = CBORValue(fold) }
    return map
  }

  /// Returns the layout of the groups in a chunk.
  package func grouping(_ layout: ChunkLayout) -> Grouping {
    Grouping(
      dimensions: layout.dimensions, axis: axis, fold: fold, size: size,
      start: layout.elements.lowerBound)
  }

  /// Returns the number of cells of a chunk, each of which has a scale.
  package func cellCount(_ layout: ChunkLayout) -> Int {
    grouping(layout).cellCount(elementCount: layout.elementCount)
  }

  /// Writes the minimum and maximum values of each cell as two arrays of F32.
  @_lifetime(ranges: copy ranges)
  func ranges(
    of values: borrowing RawSpan, _ layout: ChunkLayout, into ranges: inout MutableRawSpan
  ) {
    if let tensorRange, layout.elementCount > 0 {
      ranges.copy(tensorRange.rawSpan)
    } else {
      Kernels.best.groupRanges(values, grouping(layout), into: &ranges)
    }
  }

  func prepared(for survey: CodecSurvey) -> GroupSpec {
    guard size == 0 else { return self }
    var spec = self
    spec.tensorRange = survey.low <= survey.high ? [survey.low, survey.high] : [0, 0]
    return spec
  }

  /// Returns `g64`, `row` or `tensor`; `row` only if the length of the rows is known.
  func label(rowLength: Int?) -> String {
    size == 0 ? "tensor" : size == rowLength ? "row" : "g\(size)"
  }
}
