import Base
package import Checkpoints
import TensorCore

/// An estimate of the size of tensors in a `.sumac` file with lossless encoding.
package enum PackedSizeEstimate {
  /// The maximum number of chunks that are sampled per tensor.
  private static let chunkCount = 4

  /// Returns the estimated size in bytes. Reads at most four evenly spread chunks of each tensor.
  package static func byteCount(of tensors: [LazyTensor]) throws -> Int {
    try tensors.reduce(0) { sum, tensor in
      let info = tensor.info
      guard tensor.aliasOf == nil else { return sum }
      guard info.dtype.isFloat, info.dtype.bitsPerElement % 8 == 0, info.elementCount > 0 else {
        return sum + info.byteCount
      }
      let width = info.dtype.bitsPerElement / 8
      var sample = SizeSample(width: width)
      let grid = info.grid
      let scratchByteCount = max(
        tensor.source.scratchByteCount(elementCount: grid.largestChunk),
        SizeSample.scratchByteCount(width: width))
      var workspace = ByteBuffer(byteCount: width * grid.largestChunk + scratchByteCount)
      let count = min(chunkCount, grid.count)
      for number in 0..<count {
        let elements = grid[number * grid.count / count]
        var span = workspace.mutableBytes
        try span.split(at: width * elements.count) { values, scratch in
          try tensor.source.read(elements, into: &values, scratch: &scratch)
          sample.add(values.bytes, scratch: &scratch)
        }
      }
      return sum + min(info.byteCount, sample.byteCount(elementCount: info.elementCount))
    }
  }
}
