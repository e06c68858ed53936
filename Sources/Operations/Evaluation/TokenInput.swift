import Base
import Checkpoints
import Containers
import TensorCore
import Tokenizers

/// Tokens of a file: a text, JSON lines with texts, or a tensor of integers.
struct TokenInput {
  /// The tokens, one row after another.
  var tokens: [Int32]
  /// The length of each row if the tensor has two dimensions; nil for a text or a tensor with one.
  var rowLength: Int?

  /// The largest text that is read; its tokens are held in memory.
  private static let maximumByteCount = 1 << 30

  /// Reads `PATH`, or the tensor `NAME` of `PATH:NAME`.
  /// - Throws: ``FormatError``, ``FileError`` or ``UsageError``, which names the place of the fault.
  static func read(
    _ data: String, tokenizer: Tokenizer?, _ context: OperationContext
  ) throws -> TokenInput {
    var (path, name) = (data, String?.none)
    if try FileSystem.targetType(data) == nil, let colon = data.lastIndex(of: ":") {
      (path, name) = (String(data[..<colon]), String(data[data.index(after: colon)...]))
    }
    let file = try InputFile(path: path)
    if name != nil || isTensorFile(path) { return try tensor(path, name, context) }
    guard file.byteCount <= maximumByteCount else {
      throw UsageError(
        "\(path.printable) has \(ByteSize(file.byteCount)), more than the \(ByteSize(maximumByteCount)) of a text",
        hint: "cut the text, or give tokens in a safetensors or .npy file")
    }
    guard let tokenizer else {
      throw UsageError(
        "\(path.printable) is text, and the model has no tokenizer.json",
        hint:
          "name a tokenizer with \(setting: "tokenizer"), or give tokens in a safetensors or .npy file"
      )
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    var encoder = TokenEncoder(tokenizer)
    var tokens: [Int32] = []
    for text in try texts(bytes, path: path) {
      tokens += try encoder.encode(text, addSpecialTokens: false)
    }
    return TokenInput(tokens: tokens)
  }

  private static func isTensorFile(_ path: String) -> Bool {
    [".safetensors", ".npy", ".npz", ".sumac", ".pt"].contains { path.hasSuffix($0) }
  }

  // MARK: Texts

  /// Returns the texts of a file: the members `text` of JSON lines, or the whole file.
  private static func texts(_ bytes: [UInt8], path: String) throws -> [String] {
    guard path.hasSuffix(".jsonl") else { return [try text(bytes, at: 0, path: path)] }
    var texts: [String] = []
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      let line = Array(bytes[start..<end])
      defer { start = end + 1 }
      guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) else { continue }
      let value: JSONValue
      do { value = try JSONValue.parse(line.rawSpan) } catch {
        throw FormatError(
          .tokenData, "is not JSON: \(error.reason)", path: path,
          byteOffset: start + error.byteOffset)
      }
      guard let text = value["text"]?.asString else {
        throw FormatError(
          .tokenData, "the line has no member 'text' with a text", path: path, byteOffset: start)
      }
      texts.append(text)
    }
    return texts
  }

  private static func text(_ bytes: [UInt8], at byteOffset: Int, path: String) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let valid = String(decoding: bytes, as: UTF8.self).utf8
      let place = zip(valid, bytes).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      throw FormatError(
        .tokenData, "is not UTF-8", path: path, byteOffset: byteOffset + (place ?? 0),
        hint: "convert the text to UTF-8")
    }
    return text
  }

  // MARK: Tensors

  private static func tensor(
    _ path: String, _ name: String?, _ context: OperationContext
  ) throws -> TokenInput {
    let checkpoint = try context.read(path, for: .report)
    let fitting = checkpoint.tensors.filter {
      isInteger($0.info.dtype) && (1...2).contains($0.info.shape.dimensions.count)
    }
    let names = fitting.map(\.name.printable).joined(separator: ", ")
    let tensor: LazyTensor
    if let name {
      guard let found = fitting.first(where: { $0.name.equalsAsBytes(name) }) else {
        throw UsageError(
          "\(path.printable) has no tensor '\(name.printable)' of integers with one or two dimensions",
          hint: names.isEmpty ? nil : "it has \(names)")
      }
      tensor = found
    } else {
      guard fitting.count == 1 else {
        throw UsageError(
          "\(path.printable) has \(fitting.count.counted("tensor")) of integers with one or two dimensions",
          hint: names.isEmpty ? nil : "choose one as \(path.printable):NAME; it has \(names)")
      }
      tensor = fitting[0]
    }
    let dimensions = tensor.info.shape.dimensions
    return TokenInput(
      tokens: try ids(tensor, path: path),
      rowLength: dimensions.count == 2 ? dimensions[1] : nil)
  }

  private static func isInteger(_ dtype: DType) -> Bool {
    switch dtype {
    case .u8, .u16, .u32, .u64, .i8, .i16, .i32, .i64: true
    default: false
    }
  }

  private static func ids(_ tensor: LazyTensor, path: String) throws -> [Int32] {
    let dtype = tensor.info.dtype
    guard tensor.info.byteCount <= maximumByteCount else {
      throw UsageError(
        "\(path.printable): tensor '\(tensor.name.printable)' is larger than \(ByteSize(maximumByteCount))",
        hint: "give a part of the tokens")
    }
    let bytes = try tensor.bytes()
    let size = dtype.bitsPerElement / 8
    let isSigned = [DType.i8, .i16, .i32, .i64].contains(dtype)
    return try (0..<tensor.info.elementCount).map { index in
      var bits: UInt64 = 0
      for byte in 0..<size { bits |= UInt64(bytes[index * size + byte]) << UInt64(8 * byte) }
      let isNegative = isSigned && bits >> UInt64(8 * size - 1) != 0
      guard !isNegative, bits <= UInt64(Int32.max) else {
        throw FormatError(
          .tokenData, "element \(index) is not a token id, expected 0 to \(Int32.max)", path: path,
          tensor: tensor.name)
      }
      return Int32(bits)
    }
  }
}

extension FormatError.Code {
  package static let tokenData = FormatError.Code(
    "eval.data",
    meaning: "A file of text or tokens for an evaluation is malformed.",
    remedy: "Give UTF-8 text, JSON lines with a member text, or a tensor of token ids.")
}
