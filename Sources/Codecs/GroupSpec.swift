import Base
package import TensorCore

/// Which values share a scale. Specification, section 9.3.
package struct GroupSpec: Sendable, Equatable {
  /// Of the tensor's dimensions; 0 for a scalar.
  package var axis: Int
  /// Positions of a group along the axis; 0 if the whole tensor is one.
  package var size: Int
  /// The range of all values where one scale serves the tensor; known from a survey.
  var tensorRange: [Float]?

  package init(axis: Int, size: Int) {
    self.axis = axis
    self.size = size
  }

  init(
    _ reader: inout ParameterReader, dimensions: [Int]
  ) throws(CodecProblem) {
    axis = try reader.integer("axis", in: 0...max(0, dimensions.count - 1))
    size = try reader.integer("group", in: 0...(Shape.dimensionLimit - 1))
  }

  var parameters: CBORMap { ["axis": CBORValue(axis), "group": CBORValue(size)] }

  package func grouping(_ layout: ChunkLayout) -> Grouping {
    Grouping(
      dimensions: layout.dimensions, axis: axis, size: size, start: layout.elements.lowerBound)
  }

  package func cellCount(_ layout: ChunkLayout) -> Int {
    grouping(layout).cellCount(elementCount: layout.elementCount)
  }

  /// Least and greatest values of each cell, two arrays of F32.
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

  /// `g64`, `row` or `tensor`, told from the dimensions where they are known.
  func label(rowLength: Int?) -> String {
    size == 0 ? "tensor" : size == rowLength ? "row" : "g\(size)"
  }
}
