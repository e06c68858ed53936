package import Base
package import Checkpoints
package import TensorCore

/// Edits of the `config.json` of a Hugging Face model. Everything else in the file stays unchanged, byte for byte.
package enum ModelConfig {
  /// The name of the file.
  package static let name = "config.json"
  /// The maximum size of a configuration file in bytes.
  package static let maximumByteCount = 16 << 20

  private static let dtypeKeys: Set<String> = ["torch_dtype", "dtype"]
  private static let dtypeNames = ["float16", "bfloat16", "float32", "float64"]

  /// Returns PyTorch's name of a dtype that `--dtype` converts to; nil for other dtypes.
  package static func name(of dtype: DType) -> String? {
    switch dtype {
    case .f16: "float16"
    case .bf16: "bfloat16"
    case .f32: "float32"
    case .f64: "float64"
    default: nil
    }
  }

  /// Returns the text with every `torch_dtype` and `dtype` that names a plain float set to `dtype`, in nested
  /// configurations too; nil if there is nothing to change, or if the text is not a JSON object.
  package static func settingDType(_ dtype: DType, in text: [UInt8]) -> [UInt8]? {
    guard let name = name(of: dtype) else { return nil }
    return changing(text) { key, value in
      guard dtypeKeys.contains(key), let old = value.asString, dtypeNames.contains(old) else {
        return nil
      }
      return .string(name)
    }
  }

  /// Returns the text with other values for some keys, in nested objects too; nil if there is nothing to change, or
  /// if the text is not a JSON object.
  /// - Parameters:
  ///   - path: the keys that lead to the object to change; empty for the whole document.
  ///   - change: receives each key with a value that is not an object, and returns the new value, or nil to keep it.
  package static func changing(
    _ text: [UInt8], at path: [String] = [], _ change: (String, JSONValue) -> JSONValue?
  ) -> [UInt8]? {
    var found: [(byteRange: Range<Int>, value: JSONValue)] = []
    var reader = JSONReader(text.rawSpan)
    guard (try? find(&reader, text, path[...], change, &found)) != nil,
      (try? reader.finish()) != nil
    else { return nil }
    var result = text
    for (byteRange, value) in found.reversed() {
      result.replaceSubrange(byteRange, with: Array(value.serialized().utf8))
    }
    return result == text ? nil : result
  }

  /// Collects the byte ranges of the values to change, with the new values.
  private static func find(
    _ reader: inout JSONReader, _ text: [UInt8], _ path: ArraySlice<String>,
    _ change: (String, JSONValue) -> JSONValue?,
    _ found: inout [(byteRange: Range<Int>, value: JSONValue)]
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
      let byteRange = start..<reader.byteOffset
      let value = try JSONValue.parse(text.rawSpan.extracting(byteRange))
      if let new = change(key, value) { found.append((byteRange, new)) }
    }
  }
}

extension Checkpoint {
  /// Returns the checkpoint with the `config.json` that `change` returns; the checkpoint itself if it has no
  /// `config.json`, if that is over the size limit, or if `change` returns nil.
  /// - Parameter component: The path of the component whose configuration is changed; nil for the model folder.
  package func changingConfig(
    in component: String? = nil, _ change: ([UInt8]) -> [UInt8]?
  ) throws -> Checkpoint {
    let name = component.map { $0 + "/" + ModelConfig.name } ?? ModelConfig.name
    guard let index = companions.firstIndex(where: { $0.name.equalsAsBytes(name) }),
      companions[index].info.byteCount <= ModelConfig.maximumByteCount,
      let text = change(try companions[index].bytes())
    else { return self }
    return try replacingCompanion(name, with: text)
  }

  /// Returns the checkpoint with an additional file, which replaces a companion with the same name.
  package func replacingCompanion(_ name: String, with text: [UInt8]) throws -> Checkpoint {
    let info = try TensorInfo(name: name, dtype: .u8, shape: Shape([text.count]))
    let companion = LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: text),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: text.count, dtype: .u8))
    var result = self
    if let index = companions.firstIndex(where: { $0.name.equalsAsBytes(name) }) {
      result.companions[index] = companion
    } else {
      result.companions.append(companion)
    }
    return result
  }
}
