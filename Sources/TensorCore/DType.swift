import Base

/// The element type of a tensor: one of the 22 types of the safetensors format, with the names of that format.
///
/// The raw values are the numbers in `.sumac` files and in the C kernels; they never change.
package enum DType: UInt8, CaseIterable, Sendable, Hashable {
  case bool = 0
  case f4, f6E2M3, f6E3M2
  case u8, i8
  case f8E5M2, f8E4M3, f8E8M0, f8E4M3FNUZ, f8E5M2FNUZ
  case i16, u16, f16, bf16
  case i32, u32, f32
  case c64, f64, i64, u64

  /// The name in a safetensors header, such as `BF16`.
  package var name: String {
    switch self {
    case .bool: "BOOL"
    case .f4: "F4"
    case .f6E2M3: "F6_E2M3"
    case .f6E3M2: "F6_E3M2"
    case .u8: "U8"
    case .i8: "I8"
    case .f8E5M2: "F8_E5M2"
    case .f8E4M3: "F8_E4M3"
    case .f8E8M0: "F8_E8M0"
    case .f8E4M3FNUZ: "F8_E4M3FNUZ"
    case .f8E5M2FNUZ: "F8_E5M2FNUZ"
    case .i16: "I16"
    case .u16: "U16"
    case .f16: "F16"
    case .bf16: "BF16"
    case .i32: "I32"
    case .u32: "U32"
    case .f32: "F32"
    case .c64: "C64"
    case .f64: "F64"
    case .i64: "I64"
    case .u64: "U64"
    }
  }

  /// Creates the dtype with that safetensors name, which is in upper case.
  package init?(name: String) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }

  package var bitsPerElement: Int {
    switch self {
    case .f4: 4
    case .f6E2M3, .f6E3M2: 6
    case .bool, .u8, .i8, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ: 8
    case .i16, .u16, .f16, .bf16: 16
    case .i32, .u32, .f32: 32
    case .c64, .f64, .i64, .u64: 64
    }
  }

  /// Returns the size of `elementCount` elements in bytes, or nil if they do not end on a byte boundary.
  package func byteCount(of elementCount: Int) -> Int? {
    let (bits, overflow) = elementCount.multipliedReportingOverflow(by: bitsPerElement)
    guard !overflow, bits % 8 == 0 else { return nil }
    return bits / 8
  }

  /// True if the elements are real floating-point numbers.
  package var isFloat: Bool {
    switch self {
    case .f4, .f6E2M3, .f6E3M2, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ,
      .f16, .bf16, .f32, .f64:
      true
    case .bool, .u8, .i8, .i16, .u16, .i32, .u32, .c64, .i64, .u64: false
    }
  }

  /// True for F16, BF16, F32 and F64, between which `--dtype` converts.
  package var isPlainFloat: Bool {
    switch self {
    case .f16, .bf16, .f32, .f64: true
    default: false
    }
  }

  /// True for the 8-bit floats that hold values; E8M0 holds only scales.
  package var isF8: Bool {
    switch self {
    case .f8E5M2, .f8E4M3, .f8E4M3FNUZ, .f8E5M2FNUZ: true
    default: false
    }
  }

  /// True if every value of this float dtype, except for payloads of NaN, has an equal value in `other`.
  package func isExact(in other: DType) -> Bool {
    switch (self, other) {
    case (.f16, .f32), (.f16, .f64), (.bf16, .f32), (.bf16, .f64), (.f32, .f64): true
    case (_, .f16), (_, .bf16), (_, .f32), (_, .f64): isF8 || self == other
    default: false
    }
  }
}
