package import TensorCore

/// `config.json` of a Hugging Face model: read and changed in place, so that everything else in it
/// stays as it was, to the byte.
package enum ModelConfig {
  package static let name = "config.json"
  /// A larger file is no configuration.
  package static let maximumByteCount = 16 << 20

  private static let dtypeKeys: Set<String> = ["torch_dtype", "dtype"]
  private static let dtypeNames = ["float16", "bfloat16", "float32", "float64"]

  /// PyTorch's name of a dtype that `--dtype` converts to.
  package static func name(of dtype: DType) -> String? {
    switch dtype {
    case .f16: "float16"
    case .bf16: "bfloat16"
    case .f32: "float32"
    case .f64: "float64"
    default: nil
    }
  }

  /// The text with every `torch_dtype` and `dtype` that names a plain float set to `dtype`, those of
  /// nested configurations too; nil if there is nothing to change, or the text is no JSON object.
  package static func settingDType(_ dtype: DType, in text: [UInt8]) -> [UInt8]? {
    guard let name = name(of: dtype) else { return nil }
    var places: [Range<Int>] = []
    var reader = JSONReader(text.rawSpan)
    guard (try? find(&reader, &places)) != nil, (try? reader.finish()) != nil else { return nil }
    let value = Array("\"\(name)\"".utf8)
    var result = text
    for place in places.reversed() where Array(text[place]) != value {
      result.replaceSubrange(place, with: value)
    }
    return result == text ? nil : result
  }

  /// Collects where the values to change stand.
  private static func find(
    _ reader: inout JSONReader, _ places: inout [Range<Int>]
  ) throws(JSONError) {
    try reader.enterObject()
    while let key = try reader.nextKey() {
      switch try reader.peekKind() {
      case .object: try find(&reader, &places)
      case .string where dtypeKeys.contains(key):
        let start = reader.byteOffset
        if dtypeNames.contains(try reader.readString()) { places.append(start..<reader.byteOffset) }
      default: try reader.skipValue()
      }
    }
  }
}

extension Checkpoint {
  /// The checkpoint with `change` made to its `config.json`, if it has one and `change` gives a text.
  package func changingConfig(_ change: ([UInt8]) -> [UInt8]?) throws -> Checkpoint {
    guard let place = companions.firstIndex(where: { $0.name == ModelConfig.name }),
      companions[place].info.byteCount <= ModelConfig.maximumByteCount,
      let text = change(try companions[place].bytes())
    else { return self }
    var result = self
    let info = try TensorInfo(name: ModelConfig.name, dtype: .u8, shape: Shape([text.count]))
    result.companions[place].info = info
    result.companions[place].source = MemoryTensorSource(info: info, values: text)
    return result
  }
}
