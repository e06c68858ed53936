import Base
package import Checkpoints
package import Networks
import TensorCore

/// A source of a tensor whose values are those of a network in memory, which must not change while it is read.
package struct ValueTensorSource: TensorSource {
  private let value: Value<Float>

  package init(_ value: Value<Float>) { self.value = value }

  package func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let value = value
    let numbers = value.span
    for (index, element) in elements.enumerated() {
      values.storeLittleEndian(numbers[element].bitPattern, at: 4 * index)
    }
  }

  /// Returns a tensor with the values.
  package static func tensor(_ name: String, _ value: Value<Float>) throws -> LazyTensor {
    let info = try TensorInfo(name: name, dtype: .f32, shape: Shape(value.shape))
    return LazyTensor(
      info: info, source: ValueTensorSource(value),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: info.byteCount, dtype: .f32))
  }
}
