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
    try checkName(data)
    let place = try TensorPath(data)
    let (path, name) = (place.path, place.name)
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
    let form: TextTokenReader.Form = path.hasSuffix(".jsonl") ? .lines(member: "text") : .text
    try checkMemory(file, form, limit: limit, context)
    return try ids(
      TextTokenReader(file, form, tokenizer, addSpecialTokens: false), limit: limit)
  }

  /// The memory of a text that is tokenized as a whole, its ids included, in bytes for each of its bytes. English text
  /// needs 4 to 5.
  private static let textByteFactor = 6
  /// The memory of the ids of a byte of text. English text needs 1 to 2.
  private static let idByteFactor = 2

  /// Throws ``UsageError`` if a text and its ids do not fit into memory.
  private static func checkMemory(
    _ file: InputFile, _ form: TextTokenReader.Form, limit: Int?, _ context: OperationContext
  ) throws {
    let ids = limit.map { min($0, file.byteCount) * 4 } ?? idByteFactor * file.byteCount
    let needed = form == .text ? textByteFactor * file.byteCount : ids
    let free = context.memory.available - ResidentMemory.currentByteCount
    guard needed > free else { return }
    throw UsageError(
      "\(file.path.printable) is a text of \(ByteSize(file.byteCount)), whose tokens need about \(ByteSize(needed)) of "
        + "memory; \(ByteSize(max(0, free))) of \(setting: "memory") \(ByteSize(context.memory.available)) are free",
      hint: "give a part of the text, or pass \(setting: "memory") "
        + "\((needed + context.memory.available - free) >> 20 + 1)MiB")
  }

  /// Throws ``UsageError`` for standard input, which ends while data may be read several times.
  static func checkName(_ data: String) throws {
    guard data != OperationContext.standardInputPath else {
      throw UsageError(
        "texts and tokens for a model are not read from standard input",
        hint: "write them to a file first")
    }
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
      TokenInteger(dtypeName: $0.info.dtype.name) != nil
        && (1...3).contains($0.info.shape.dimensions.count)
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

  private static func ids(_ tensor: LazyTensor, path: String) throws -> [Int32] {
    guard tensor.info.byteCount <= maximumByteCount else {
      throw UsageError(
        "\(path.printable): tensor '\(tensor.name.printable)' is larger than \(ByteSize(maximumByteCount))",
        hint: "give a part of the tokens")
    }
    guard let integer = TokenInteger(dtypeName: tensor.info.dtype.name) else { return [] }
    let bytes = try tensor.bytes()
    return try integer.ids(in: bytes.rawSpan, below: Int(Int32.max) + 1) { index, value in
      FormatError(
        .tokenData, "element \(index) is \(value), expected a token id from 0 to \(Int32.max)",
        path: path, tensor: tensor.name)
    }
  }
}

extension FormatError.Code {
  package static let tokenData = FormatError.Code(
    "eval.data",
    meaning: "A tensor of token ids for an evaluation has a number that is none.",
    remedy: "Give a tensor of token ids from 0 on.")
}
