import Base
import CKernels

/// How quantization groups lie in a chunk. Specification, section 9.3.
///
/// A group is `size` consecutive positions along one axis, for each position of the axes behind it.
/// Where a chunk ends inside a group, what lies in the next chunk is a group of its own.
package struct Grouping: Sendable, Equatable {
  /// Elements of all positions of the axis, and of the axes behind it.
  package let block: Int
  /// Elements of one group for all positions of the axes behind it.
  package let group: Int
  /// Positions of the axes behind.
  package let inner: Int
  /// Where the chunk's first element stands in its block.
  package let offset: Int

  /// - Parameters:
  ///   - axis: of `dimensions`; a scalar has one, of one position.
  ///   - size: positions of a group; 0 takes the whole tensor as one group.
  ///   - start: the chunk's first element.
  package init(dimensions: [Int], axis: Int, size: Int, start: Int) {
    let dimensions = dimensions.isEmpty ? [1] : dimensions
    guard size > 0 else {
      block = max(1, dimensions.reduce(1, *))
      group = block
      inner = 1
      offset = start
      return
    }
    inner = max(1, dimensions[(axis + 1)...].reduce(1, *))
    let positions = max(1, dimensions[axis])
    block = positions * inner
    group = min(size, positions) * inner
    offset = start % block
  }

  /// How many scales `elementCount` elements have.
  /// - Complexity: O(1).
  package func cellCount(elementCount: Int) -> Int {
    guard elementCount > 0 else { return 0 }
    let inBlock = offset % block
    let first = min(elementCount, group - inBlock % group, block - inBlock)
    return min(first, inner) + cells(upTo: offset + elementCount) - cells(upTo: offset + first)
  }

  /// Cells of the elements before `end`, counted from where a block starts.
  private func cells(upTo end: Int) -> Int {
    let groups = (block + group - 1) / group
    let rest = end % block
    return end / block * groups * inner + rest / group * inner + min(rest % group, inner)
  }

  var forKernels: sumac_grouping {
    sumac_grouping(block: block, group: group, inner: inner, offset: offset)
  }
}
