import Base
import TensorCore

/// A table that maps the upper 16 bits of a magnitude to a slot.
struct SlotTable: Sendable {
  private(set) var slots = [UInt8](repeating: Kernels.noSlot, count: 1 << 16)
  /// The bin of each slot.
  private(set) var bins: [Int] = []

  init(_ bins: [Int]) {
    for bin in bins where slots[bin] == Kernels.noSlot {
      slots[bin] = UInt8(self.bins.count)
      self.bins.append(bin)
    }
  }
}
