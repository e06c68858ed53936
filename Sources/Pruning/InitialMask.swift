package import Base
package import Checkpoints
import TensorCore

/// The weights that were pruned before.
package enum InitialMask: Sendable {
  case nothing
  /// Weights that are 0 were pruned.
  case zeros
  /// Weights whose mask value is 0 were pruned. A mask is a U8 tensor with the name and shape of the weights.
  /// Tensors without a mask were not pruned.
  case masks([UTF8Key: LazyTensor])

  /// Returns the masks of a mask file.
  package static func masks(of checkpoint: Checkpoint) -> InitialMask {
    .masks(
      Dictionary(
        checkpoint.tensors.map { (UTF8Key($0.name), $0) }, uniquingKeysWith: { first, _ in first }))
  }

  func scratchByteCount(_ tensor: LazyTensor, elementCount: Int) -> Int {
    let stored = tensor.info.dtype.byteCount(of: elementCount)!
    guard case .masks(let masks) = self, let mask = masks[UTF8Key(tensor.name)] else {
      return stored
    }
    return stored + elementCount + mask.source.scratchByteCount(elementCount: elementCount)
  }

  /// Sets the bits of the `elements` that were not pruned before.
  /// - Parameter stored: The stored values of `elements`.
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  func fill(
    _ mask: inout MutableRawSpan, _ tensor: LazyTensor, _ elements: Range<Int>,
    stored: borrowing RawSpan, scratch: inout MutableRawSpan
  ) throws {
    let width = tensor.info.dtype.bitsPerElement / 8
    switch self {
    case .nothing: mask.fill(with: 0xFF)
    case .zeros:
      markNonzero(stored, width: width, &mask)
    case .masks(let masks):
      guard let source = masks[UTF8Key(tensor.name)]?.source else { return mask.fill(with: 0xFF) }
      try scratch.split(at: elements.count) { bytes, rest in
        try source.read(elements, into: &bytes, scratch: &rest)
        _ = Kernels.best.nonzeroMask(bytes.bytes, width: 1, into: &mask)
      }
    }
  }

  /// Sets the bits of the values that are not zeros of either sign.
  @_lifetime(mask: copy mask)
  private func markNonzero(
    _ stored: borrowing RawSpan, width: Int, _ mask: inout MutableRawSpan
  ) {
    _ = Kernels.best.nonzeroMask(stored, width: width, into: &mask)
    for index in 0..<stored.byteCount / width {
      let isNegativeZero =
        switch width {
        case 2: stored.littleEndian(UInt16.self, at: 2 * index)! == 1 << 15
        case 4: stored.littleEndian(UInt32.self, at: 4 * index)! == 1 << 31
        default: stored.littleEndian(UInt64.self, at: 8 * index)! == 1 << 63
        }
      guard isNegativeZero else { continue }
      let byte = mask.bytes.littleEndian(UInt8.self, at: index / 8)!
      mask.storeLittleEndian(byte & ~(1 << UInt8(index % 8)), at: index / 8)
    }
  }
}
