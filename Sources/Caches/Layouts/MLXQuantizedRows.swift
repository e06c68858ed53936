import Base
import Checkpoints
import TensorCore

/// Values of mlx's affine quantization: codes in 32-bit words, with a scale and a bias for each group.
struct MLXQuantizedRows: ChunkedTensorSource {
  let info: TensorInfo
  let codes: LazyTensor
  let scales: LazyTensor
  let biases: LazyTensor
  let group: Int
  let bits: Int

  static func tensor(
    codes: LazyTensor, scales: LazyTensor, biases: LazyTensor, group: Int, bits: Int,
    path: String
  ) throws -> LazyTensor {
    func fault(_ message: String) -> FormatError {
      FormatError(.cacheShape, message, path: path, tensor: codes.name)
    }
    guard [2, 4, 8].contains(bits) else { throw fault("has \(bits) bits, expected 2, 4 or 8") }
    var dimensions = codes.info.shape.dimensions
    guard codes.info.dtype == .u32, dimensions.count == 4, group > 0 else {
      throw fault(
        "is \(codes.info.dtype.name) \(codes.info.shape), expected U32 with four dimensions")
    }
    let (dim, overflow) = dimensions[3].multipliedReportingOverflow(by: 32 / bits)
    var wanted = dimensions
    wanted[3] = dim / group
    guard !overflow, dim % group == 0, scales.info.shape.dimensions == wanted,
      biases.info.shape.dimensions == wanted, scales.info.dtype == biases.info.dtype,
      scales.info.dtype.isPlainFloat
    else {
      throw fault(
        "has \(dim) values per row, but scales \(scales.info.shape) and biases \(biases.info.shape) do not "
          + "fit groups of \(group)")
    }
    dimensions[3] = dim
    // Values are computed in float32; in half precision each would be rounded again.
    let info = try TensorInfo(name: codes.name, dtype: .f32, shape: Shape(dimensions))
    return LazyTensor(
      info: info,
      source: MLXQuantizedRows(
        info: info, codes: codes, scales: scales, biases: biases, group: group, bits: bits),
      stored: codes.stored)
  }

  func scratchByteCount(elementCount: Int) -> Int {
    let count = info.grid.largestChunk
    let cells = count / group + 1
    return chunkByteCount + count * bits / 8 + 12 * cells
      + [codes, scales, biases].map { $0.source.scratchByteCount(elementCount: count) }.max()!
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let elements = info.grid[chunk]
    let per = 32 / bits
    let words = elements.lowerBound / per..<elements.upperBound / per
    let cells = elements.lowerBound / group..<elements.upperBound / group
    let width = scales.info.dtype.bitsPerElement / 8
    let mask = UInt32(1) << UInt32(bits) - 1
    try scratch.split(at: 4 * words.count) { stored, rest in
      try codes.source.read(words, into: &stored, scratch: &rest)
      try rest.split(at: 8 * cells.count) { pairs, rest in
        for (index, tensor) in [scales, biases].enumerated() {
          try rest.split(at: width * cells.count) { numbers, rest in
            try tensor.source.read(cells, into: &numbers, scratch: &rest)
            var target = pairs._mutatingExtracting(
              4 * cells.count * index..<4 * cells.count * (index + 1))
            try Kernels.best.convert(
              numbers.bytes, from: tensor.info.dtype, to: .f32, elementCount: cells.count,
              saturating: false, into: &target)
          }
        }
        let (stored, pairs) = (stored.bytes, pairs.bytes)
        for element in 0..<elements.count {
          let word = stored.littleEndian(UInt32.self, at: 4 * (element / per))!
          let code = word >> UInt32(element % per * bits) & mask
          let cell = element / group
          let scale = Float(bitPattern: pairs.littleEndian(UInt32.self, at: 4 * cell)!)
          let bias = Float(
            bitPattern: pairs.littleEndian(UInt32.self, at: 4 * (cells.count + cell))!)
          let value = Float(code) * scale + bias
          values.storeLittleEndian(value.bitPattern, at: 4 * element)
        }
      }
    }
  }
}
