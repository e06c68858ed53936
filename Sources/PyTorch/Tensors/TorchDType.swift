import TensorCore

/// A dtype of PyTorch, by its name after `torch.`.
struct TorchDType: Equatable {
  let name: String
  /// The dtype in this program; nil if it cannot hold the values.
  let dtype: DType?

  /// All names of dtypes. Several names mean the same dtype.
  private static let known: [String: DType?] = [
    "float32": .f32, "float": .f32, "float64": .f64, "double": .f64, "float16": .f16,
    "half": .f16, "bfloat16": .bf16, "uint8": .u8, "int8": .i8, "int16": .i16, "short": .i16,
    "int32": .i32, "int": .i32, "int64": .i64, "long": .i64, "bool": .bool, "uint16": .u16,
    "uint32": .u32, "uint64": .u64, "complex64": .c64, "cfloat": .c64,
    "float8_e4m3fn": .f8E4M3, "float8_e5m2": .f8E5M2, "float8_e4m3fnuz": .f8E4M3FNUZ,
    "float8_e5m2fnuz": .f8E5M2FNUZ, "float8_e8m0fnu": .f8E8M0, "float4_e2m1fn_x2": .f4,
    "complex32": nil, "chalf": nil, "complex128": nil, "cdouble": nil,
    "quint8": nil, "qint8": nil, "qint32": nil, "quint4x2": nil, "quint2x4": nil,
    "bits1x8": nil, "bits2x4": nil, "bits4x2": nil, "bits8": nil, "bits16": nil,
    "uint1": nil, "uint2": nil, "uint3": nil, "uint4": nil, "uint5": nil, "uint6": nil,
    "uint7": nil, "int1": nil, "int2": nil, "int3": nil, "int4": nil, "int5": nil, "int6": nil,
    "int7": nil,
  ]

  init?(name: String) {
    guard let dtype = Self.known[name] else { return nil }
    self.name = name
    self.dtype = dtype
  }

  private init(_ name: String, _ dtype: DType?) {
    self.name = name
    self.dtype = dtype
  }

  /// The size of an element of a tensor in bytes; F4 values come in pairs. Nil if unknown.
  var byteCount: Int? { dtype.map { max(1, $0.bitsPerElement / 8) } }

  /// The dtype and the module `torch` with its name, such as `torch.float32`.
  var label: String { "torch." + name }

  /// Returns the dtype of PyTorch with which values of `dtype` are written; nil if it has none.
  static func writing(_ dtype: DType) -> TorchDType? {
    let name: String? =
      switch dtype {
      case .bool: "bool"
      case .f4: "float4_e2m1fn_x2"
      case .f6E2M3, .f6E3M2: nil
      case .u8: "uint8"
      case .i8: "int8"
      case .f8E5M2: "float8_e5m2"
      case .f8E4M3: "float8_e4m3fn"
      case .f8E8M0: "float8_e8m0fnu"
      case .f8E4M3FNUZ: "float8_e4m3fnuz"
      case .f8E5M2FNUZ: "float8_e5m2fnuz"
      case .i16: "int16"
      case .u16: "uint16"
      case .f16: "float16"
      case .bf16: "bfloat16"
      case .i32: "int32"
      case .u32: "uint32"
      case .f32: "float32"
      case .c64: "complex64"
      case .f64: "float64"
      case .i64: "int64"
      case .u64: "uint64"
      }
    return name.map { TorchDType($0, dtype) }
  }
}

/// The type of a storage: a dtype, or bytes whose dtype each tensor states.
enum StorageType: Equatable {
  case typed(TorchDType)
  case untyped

  /// The classes of storages in the module `torch`, and in `torch.cuda` in older files.
  private static let classes: [(name: String, dtype: String)] = [
    ("FloatStorage", "float32"), ("DoubleStorage", "float64"), ("HalfStorage", "float16"),
    ("BFloat16Storage", "bfloat16"), ("ByteStorage", "uint8"), ("CharStorage", "int8"),
    ("ShortStorage", "int16"), ("IntStorage", "int32"), ("LongStorage", "int64"),
    ("BoolStorage", "bool"), ("ComplexFloatStorage", "complex64"),
    ("ComplexDoubleStorage", "complex128"), ("QUInt8Storage", "quint8"),
    ("QInt8Storage", "qint8"), ("QInt32Storage", "qint32"), ("QUInt4x2Storage", "quint4x2"),
    ("QUInt2x4Storage", "quint2x4"),
  ]

  /// Creates the type for the name of a class in the module `torch`; nil if there is no such class.
  init?(className: String) {
    guard let match = Self.classes.first(where: { $0.name == className }),
      let dtype = TorchDType(name: match.dtype)
    else { return nil }
    self = .typed(dtype)
  }

  /// Returns the name of the class whose storages have values of a dtype; nil if there is none.
  static func className(of dtype: TorchDType) -> String? {
    classes.first { $0.dtype == dtype.name }?.name
  }

  /// The size of an element in bytes.
  var byteCount: Int? {
    switch self {
    case .untyped: 1
    case .typed(let dtype):
      switch dtype.name {
      case "complex128": 16
      case "quint8", "qint8", "quint4x2", "quint2x4": 1
      case "qint32": 4
      default: dtype.byteCount
      }
    }
  }
}
