import Base
package import Checkpoints
import TensorCore

/// About the bytes that tensors take in a `.sumac` file without loss.
package enum PackedSizeEstimate {
  /// Chunks of each tensor that are looked at.
  private static let chunkCount = 4

  /// Reads at most four chunks of each tensor, spread evenly.
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
