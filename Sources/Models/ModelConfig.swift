package import Base
package import Checkpoints
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
    return changing(text) { key, value in
      guard dtypeKeys.contains(key), let old = value.asString, dtypeNames.contains(old) else {
        return nil
      }
      return .string(name)
    }
  }

  /// The text with other values for some keys, those of nested objects too; nil if there is nothing to
  /// change, or the text is no JSON object.
  /// - Parameters:
  ///   - path: the keys that lead to the object to change; empty for the whole document.
  ///   - change: gets keys and values that are no objects, and gives the new value or nil.
  package static func changing(
    _ text: [UInt8], at path: [String] = [], _ change: (String, JSONValue) -> JSONValue?
  ) -> [UInt8]? {
    var found: [(place: Range<Int>, value: JSONValue)] = []
    var reader = JSONReader(text.rawSpan)
    guard (try? find(&reader, text, path[...], change, &found)) != nil,
      (try? reader.finish()) != nil
    else { return nil }
    var result = text
    for (place, value) in found.reversed() {
      result.replaceSubrange(place, with: Array(value.serialized().utf8))
    }
    return result == text ? nil : result
  }

  /// Collects where the values to change stand.
  private static func find(
    _ reader: inout JSONReader, _ text: [UInt8], _ path: ArraySlice<String>,
    _ change: (String, JSONValue) -> JSONValue?,
    _ found: inout [(place: Range<Int>, value: JSONValue)]
  ) throws(JSONError) {
    try reader.enterObject()
    while let key = try reader.nextKey() {
      let isObject = try reader.peekKind() == .object
      if let next = path.first, !isObject || key != next {
        try reader.skipValue()
        continue
      }
      guard !isObject else {
        try find(&reader, text, path.dropFirst(), change, &found)
        continue
      }
      let start = reader.byteOffset
      try reader.skipValue()
      let place = start..<reader.byteOffset
      let value = try JSONValue.parse(text.rawSpan.extracting(place))
      if let new = change(key, value) { found.append((place, new)) }
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
    return try replacingCompanion(ModelConfig.name, with: text)
  }

  /// The checkpoint with a file beside its tensors, in the place of one of that name if there is one.
  package func replacingCompanion(_ name: String, with text: [UInt8]) throws -> Checkpoint {
    let info = try TensorInfo(name: name, dtype: .u8, shape: Shape([text.count]))
    let companion = LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: text),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: text.count, dtype: .u8))
    var result = self
    if let place = companions.firstIndex(where: { $0.name.equalsAsBytes(name) }) {
      result.companions[place] = companion
    } else {
      result.companions.append(companion)
    }
    return result
  }
}
