import TensorCore

/// A data type of ONNX tensors.
///
/// Source: `TensorProto.DataType` in `onnx.proto` of ONNX 1.23.
struct ONNXDataType: Sendable, Equatable {
  /// The field that holds the values if they are not raw data.
  enum Field: Sendable, Equatable {
    case floats
    case doubles
    /// Whole numbers, or bits of floats, in this range.
    case int32(ClosedRange<Int64>)
    case int64
    case uint64(limit: UInt64)
  }

  let name: String
  /// The dtype of tensors and the field of its values; nil if there is no such dtype.
  private(set) var storage: (dtype: DType, field: Field)?

  static func == (left: Self, right: Self) -> Bool { left.name == right.name }

  /// Creates the data type with a number of the format; nil if the format does not define it.
  init?(code: Int64) {
    let bytes: ClosedRange<Int64> = 0...0xFF
    let halves: ClosedRange<Int64> = 0...0xFFFF
    switch code {
    case 1: self.init("FLOAT", .f32, .floats)
    case 2: self.init("UINT8", .u8, .int32(bytes))
    case 3: self.init("INT8", .i8, .int32(-0x80...0x7F))
    case 4: self.init("UINT16", .u16, .int32(halves))
    case 5: self.init("INT16", .i16, .int32(-0x8000...0x7FFF))
    case 6: self.init("INT32", .i32, .int32(Int64(Int32.min)...Int64(Int32.max)))
    case 7: self.init("INT64", .i64, .int64)
    case 8: self.init("STRING")
    case 9: self.init("BOOL", .bool, .int32(0...1))
    case 10: self.init("FLOAT16", .f16, .int32(halves))
    case 11: self.init("DOUBLE", .f64, .doubles)
    case 12: self.init("UINT32", .u32, .uint64(limit: UInt64(UInt32.max)))
    case 13: self.init("UINT64", .u64, .uint64(limit: .max))
    case 14: self.init("COMPLEX64", .c64, .floats)
    case 15: self.init("COMPLEX128")
    case 16: self.init("BFLOAT16", .bf16, .int32(halves))
    case 17: self.init("FLOAT8E4M3FN", .f8E4M3, .int32(bytes))
    case 18: self.init("FLOAT8E4M3FNUZ", .f8E4M3FNUZ, .int32(bytes))
    case 19: self.init("FLOAT8E5M2", .f8E5M2, .int32(bytes))
    case 20: self.init("FLOAT8E5M2FNUZ", .f8E5M2FNUZ, .int32(bytes))
    case 21: self.init("UINT4")
    case 22: self.init("INT4")
    // Two elements in each byte, the first one in its low half, as in the canonical bytes of F4.
    case 23: self.init("FLOAT4E2M1", .f4, .int32(bytes))
    case 24: self.init("FLOAT8E8M0", .f8E8M0, .int32(bytes))
    case 25: self.init("UINT2")
    case 26: self.init("INT2")
    case 27: self.init("FLOAT6E2M3", .f6E2M3, .int32(0...0x3F))
    case 28: self.init("FLOAT6E3M2", .f6E3M2, .int32(0...0x3F))
    default: return nil
    }
  }

  private init(_ name: String) { self.name = name }

  private init(_ name: String, _ dtype: DType, _ field: Field) {
    self.name = name
    storage = (dtype, field)
  }
}
