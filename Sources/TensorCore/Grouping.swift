import Base
import CKernels

/// The layout of quantization groups in a chunk. Specification, section 9.3.
///
/// A group consists of `size` consecutive positions along one axis, or along adjacent axes that are folded into one, for
/// each position of the inner axes. If a chunk
/// ends inside a group, the elements in the next chunk form a separate group.
package struct Grouping: Sendable, Equatable {
  /// The number of elements of the axis and the inner axes together.
  package let block: Int
  /// The number of elements of one group, over all positions of the inner axes.
  package let group: Int
  /// The number of positions of the inner axes.
  package let inner: Int
  /// The index of the first element of the chunk in its block.
  package let offset: Int

  /// - Parameters:
  ///   - axis: An index into `dimensions`; a scalar counts as one dimension of length 1.
  ///   - fold: The number of dimensions, from `axis` on, that count as one.
  ///   - size: The number of positions of a group; 0 makes the whole tensor one group.
  ///   - start: The flat index of the first element of the chunk.
  package init(dimensions: [Int], axis: Int, fold: Int = 1, size: Int, start: Int) {
    let dimensions = dimensions.isEmpty ? [1] : dimensions
    guard size > 0 else {
      block = max(1, dimensions.reduce(1, *))
      group = block
      inner = 1
      offset = start
      return
    }
    inner = max(1, dimensions[(axis + fold)...].reduce(1, *))
    let positions = max(1, dimensions[axis..<axis + fold].reduce(1, *))
    block = positions * inner
    group = min(size, positions) * inner
    offset = start % block
  }

  /// Returns the number of cells, and thus of scales, of `elementCount` elements.
  /// - Complexity: O(1).
  package func cellCount(elementCount: Int) -> Int {
    guard elementCount > 0 else { return 0 }
    let inBlock = offset % block
    let first = min(elementCount, group - inBlock % group, block - inBlock)
    return min(first, inner) + cells(upTo: offset + elementCount) - cells(upTo: offset + first)
  }

  /// Returns the number of cells of the elements before `end`, counted from the start of a block.
  private func cells(upTo end: Int) -> Int {
    let groups = (block + group - 1) / group
    let rest = end % block
    return end / block * groups * inner + rest / group * inner + min(rest % group, inner)
  }

  var forKernels: sumac_grouping {
    sumac_grouping(block: block, group: group, inner: inner, offset: offset)
  }
}
