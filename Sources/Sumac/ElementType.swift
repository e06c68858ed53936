import Base
import TensorCore

/// The type of a tensor's elements: one of the 22 dtypes of the safetensors format.
public enum ElementType: String, CaseIterable, Sendable, Hashable {
  case bool = "BOOL"
  case f4 = "F4"
  case f6E2M3 = "F6_E2M3"
  case f6E3M2 = "F6_E3M2"
  case u8 = "U8"
  case i8 = "I8"
  case f8E5M2 = "F8_E5M2"
  case f8E4M3 = "F8_E4M3"
  case f8E8M0 = "F8_E8M0"
  case f8E4M3FNUZ = "F8_E4M3FNUZ"
  case f8E5M2FNUZ = "F8_E5M2FNUZ"
  case i16 = "I16"
  case u16 = "U16"
  case f16 = "F16"
  case bf16 = "BF16"
  case i32 = "I32"
  case u32 = "U32"
  case f32 = "F32"
  case c64 = "C64"
  case f64 = "F64"
  case i64 = "I64"
  case u64 = "U64"

  /// The size of an element in bits: 4 to 64.
  public var bitsPerElement: Int { dtype.bitsPerElement }

  init(_ dtype: DType) {
    // Both types have the same names, which a test checks.
    self = ElementType(rawValue: dtype.name)!
  }

  var dtype: DType { DType(name: rawValue)! }
}
