package import Base
import Checkpoints
import Containers
import TensorCore
import TokenData
import Tokenizers

/// Tokens of a file: a text, JSON lines with texts, ids without a header, or a tensor of integers.
struct TokenInput {
  /// The tokens, one row after another.
  var tokens: [Int32]
  /// The length of each row if the tensor has two or three dimensions; nil for a text or a tensor with one.
  var rowLength: Int?

  /// The largest tensor that is read; its tokens are held in memory.
  private static let maximumByteCount = 1 << 30

  /// Reads `PATH`, or the tensor `NAME` of `PATH:NAME`.
  /// - Parameter limit: The number of tokens that are used of a text; nil for all. Rows are used as they are.
  /// - Throws: ``FormatError``, ``FileError`` or ``UsageError``, which names the place of the fault.
  static func read(
    _ data: String, tokenizer: Tokenizer?, limit: Int?, _ context: OperationContext
  ) throws -> TokenInput {
    let (path, name) = try parts(of: data)
    if name != nil || isTensorFile(path) { return try tensor(path, name, limit: limit, context) }
    let file = try InputFile(path: path)
    if let element = TokenElement.allCases.first(where: { path.hasSuffix("." + $0.rawValue) }) {
      return try ids(RawTokenReader.open(file, element, idLimit: Int(Int32.max)), limit: limit)
    }
    guard let tokenizer else {
      throw UsageError(
        "\(path.printable) is text, and the model has no tokenizer.json",
        hint:
          "put tokenizer.json beside the weights, name one with \(setting: "tokenizer") of "
          + "\(command: "eval"), or give tokens in a safetensors or .npy file"
      )
    }
    return try ids(
      TextTokenReader(
        file, path.hasSuffix(".jsonl") ? .lines(member: "text") : .text, tokenizer,
        addSpecialTokens: false), limit: limit)
  }

  /// Returns the path of the data, and the name of a tensor in it. A file whose name has a colon is one as a whole.
  static func parts(of data: String) throws(FileError) -> (path: String, name: String?) {
    guard try FileSystem.targetType(data) == nil, let colon = data.lastIndex(of: ":") else {
      return (data, nil)
    }
    return (String(data[..<colon]), String(data[data.index(after: colon)...]))
  }

  private static func isTensorFile(_ path: String) -> Bool {
    [".safetensors", ".npy", ".npz", ".sumac", ".pt"].contains { path.hasSuffix($0) }
  }

  /// Returns the first ids of a reader, or all.
  private static func ids(_ reader: some TokenReader, limit: Int?) throws -> TokenInput {
    var reader = reader
    var tokens: [Int32] = []
    while tokens.count < limit ?? .max {
      let next = try reader.next(min(1 << 20, (limit ?? .max) - tokens.count))
      if next.isEmpty { break }
      tokens += next
    }
    return TokenInput(tokens: tokens)
  }

  // MARK: Tensors

  private static func tensor(
    _ path: String, _ name: String?, limit: Int?, _ context: OperationContext
  ) throws -> TokenInput {
    let checkpoint = try context.read(path, for: .report)
    let fitting = checkpoint.tensors.filter {
      isInteger($0.info.dtype) && (1...3).contains($0.info.shape.dimensions.count)
    }
    let names = fitting.map(\.name.printable).joined(separator: ", ")
    let tensor: LazyTensor
    if let name {
      guard let found = fitting.first(where: { $0.name.equalsAsBytes(name) }) else {
        throw UsageError(
          "\(path.printable) has no tensor '\(name.printable)' of integers with one to three dimensions",
          hint: names.isEmpty ? nil : "it has \(names)")
      }
      tensor = found
    } else {
      guard fitting.count == 1 else {
        throw UsageError(
          "\(path.printable) has \(fitting.count.counted("tensor")) of integers with one to three dimensions",
          hint: names.isEmpty ? nil : "choose one as \(path.printable):NAME; it has \(names)")
      }
      tensor = fitting[0]
    }
    let dimensions = tensor.info.shape.dimensions
    let tokens = try ids(tensor, path: path)
    return dimensions.count > 1
      ? TokenInput(tokens: tokens, rowLength: dimensions[dimensions.count - 1])
      : TokenInput(tokens: limit.map { Array(tokens.prefix($0)) } ?? tokens)
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
      for byte in 0..<size { bits |= UInt64(bytes[index * size + byte]) << (8 * byte) }
      let isNegative = isSigned && bits >> (8 * size - 1) != 0
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
    meaning: "A tensor of token ids for an evaluation has a number that is none.",
    remedy: "Give a tensor of token ids from 0 on.")
}
