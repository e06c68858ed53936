import Base
import TensorCore

/// A ggml type of the values in llama.cpp's caches.
enum LlamaType: UInt32, Sendable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case q4 = 2
  case q8 = 8
  case bf16 = 30

  init(_ number: UInt32, _ cursor: LlamaFile.Cursor) throws {
    guard let type = Self(rawValue: number) else {
      throw cursor.fault(
        "has values of ggml type \(number), expected "
          + Self.allCases.map { "\($0.rawValue) (\($0.name))" }.joined(separator: ", "))
    }
    self = type
  }

  var name: String {
    switch self {
    case .f32: "f32"
    case .f16: "f16"
    case .q4: "q4_0"
    case .q8: "q8_0"
    case .bf16: "bf16"
    }
  }

  var blockSize: Int { isQuantized ? 32 : 1 }

  var blockByteCount: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q4: 18
    case .q8: 34
    }
  }

  var isQuantized: Bool { self == .q4 || self == .q8 }

  /// The magnitude from which a value, or the scale of its block, would round to infinity.
  var limit: Float {
    switch self {
    case .f32: .infinity
    case .f16: 65_520
    case .bf16: 0x1.FFp127
    case .q4: 8 * 65_504
    case .q8: 127 * 65_504
    }
  }

  /// The dtype that values are read as.
  var dtype: DType {
    switch self {
    case .f32, .q4, .q8: .f32
    case .f16: .f16
    case .bf16: .bf16
    }
  }
}
