import Base
import Checkpoints
import Packing
import TensorCore

/// An open `.sumac` file.
///
/// Opening a file reads and checks its index. Values are read when they are requested, from the chunks that
/// contain them, and each of these chunks is checked. A value of this type may be used from several threads at
/// once.
///
/// ```swift
/// let file = try SumacFile(path: "model.sumac")
/// let weights = try file.floats(of: "lm_head.weight")
/// ```
public struct SumacFile: Sendable {
  /// The description of a tensor in the index.
  public struct Tensor: Sendable, Hashable {
    /// The name: any UTF-8 text; names are compared as bytes.
    public let name: String
    public let type: ElementType
    /// The dimensions, outermost first; empty for a scalar.
    public let shape: [Int]
    /// The form in which it is stored, such as `int4:g64 + sparse:replace`.
    public let storage: String
    /// The number of bytes of all its chunks in the file.
    public let storedByteCount: Int
    /// The name of the tensor that this one is an alias of; nil if it is not an alias.
    public let aliasOf: String?

    /// The product of the dimensions.
    public var elementCount: Int { shape.reduce(1, *) }
  }

  private let checkpoint: Checkpoint
  private let tensorIndexes: [UTF8Key: Int]
  /// All tensors, in the order of the file.
  public let tensors: [Tensor]

  /// Opens a file and checks its header, index and chunk table.
  /// - Parameter path: The path of the file.
  /// - Throws: ``SumacError`` if the file does not exist or is invalid.
  /// - Complexity: O(*n*) in the size of the index and the chunk table.
  public init(path: String) throws(SumacError) {
    let checkpoint = try SumacError.wrapping { try PackedContainer.read(path) }
    self.checkpoint = checkpoint
    tensors = checkpoint.tensors.map { tensor in
      Tensor(
        name: tensor.name, type: ElementType(tensor.info.dtype),
        shape: tensor.info.shape.dimensions, storage: tensor.stored.codec,
        storedByteCount: tensor.stored.byteCount, aliasOf: tensor.aliasOf)
    }
    var tensorIndexes: [UTF8Key: Int] = [:]
    for (index, tensor) in checkpoint.tensors.enumerated() {
      tensorIndexes[UTF8Key(tensor.name)] = index
    }
    self.tensorIndexes = tensorIndexes
  }

  /// The strings that are stored with the tensors, by key.
  public var metadata: [String: String] {
    Dictionary(checkpoint.metadata.map { ($0.key, $0.value.text) }) { first, _ in first }
  }

  /// The names of the attached files, such as `config.json`.
  public var attachments: [String] { checkpoint.companions.map(\.name) }

  // MARK: Values

  /// Returns the canonical bytes of rows of a tensor: little-endian, in row-major order.
  ///
  /// The rows are those of the matrix whose columns are the last dimension and whose rows are all others.
  /// - Parameters:
  ///   - name: The name of the tensor.
  ///   - rows: The range of rows; nil for all.
  /// - Returns: The bytes of the elements of these rows.
  /// - Throws: ``SumacError`` if there is no such tensor or row, or if a chunk is damaged.
  /// - Complexity: O(*m*) in the size of the chunks that contain the rows, about 1 MiB each.
  public func bytes(of name: String, rows: Range<Int>? = nil) throws(SumacError) -> [UInt8] {
    let (tensor, elements) = try self.elements(of: name, rows: rows)
    return try SumacError.wrapping { try Self.read(tensor, elements) }
  }

  /// Returns rows of a tensor as float32. F64 values and integers beyond 2²⁴ are rounded.
  /// - Parameters:
  ///   - name: The name of the tensor.
  ///   - rows: The range of rows as in ``bytes(of:rows:)``; nil for all.
  /// - Returns: The elements of these rows in row-major order.
  /// - Throws: ``SumacError`` as ``bytes(of:rows:)`` does, and for tensors of type C64.
  /// - Complexity: The same as that of ``bytes(of:rows:)``.
  public func floats(of name: String, rows: Range<Int>? = nil) throws(SumacError) -> [Float] {
    let (tensor, elements) = try self.elements(of: name, rows: rows)
    return try SumacError.wrapping {
      let bytes = try Self.read(tensor, elements)
      var buffer = ByteBuffer(byteCount: 4 * elements.count)
      var span = buffer.mutableBytes
      do {
        try Kernels.best.convert(
          bytes.rawSpan, from: tensor.info.dtype, to: .f32, elementCount: elements.count,
          saturating: false, into: &span)
      } catch {
        throw SumacError(
          .usage,
          "'\(name.printable)' contains complex numbers, which cannot be converted to float32")
      }
      return (0..<elements.count).map { index in
        Float(bitPattern: span.bytes.littleEndian(UInt32.self, at: 4 * index)!)
      }
    }
  }

  /// Returns the bytes of an attached file.
  /// - Parameter name: A name in ``attachments``.
  /// - Returns: The content of the file.
  /// - Throws: ``SumacError`` if no attachment has this name, or if it is damaged.
  public func attachment(_ name: String) throws(SumacError) -> [UInt8] {
    guard let file = checkpoint.companions.first(where: { $0.name.equalsAsBytes(name) }) else {
      throw SumacError(.usage, "no attachment is named '\(name.printable)'")
    }
    return try SumacError.wrapping { try file.bytes() }
  }

  private func elements(
    of name: String, rows: Range<Int>?
  ) throws(SumacError) -> (LazyTensor, Range<Int>) {
    guard let index = tensorIndexes[UTF8Key(name)] else {
      throw SumacError(.usage, "no tensor is named '\(name.printable)'")
    }
    let tensor = checkpoint.tensors[index]
    if let fault = tensor.fault { throw SumacError(fault) }
    guard let rows else { return (tensor, 0..<tensor.info.elementCount) }
    let shape = tensor.info.shape
    guard rows.lowerBound >= 0, rows.upperBound <= shape.rowCount else {
      throw SumacError(
        .usage, "'\(name.printable)' has \(shape.rowCount) rows, but rows \(rows) were requested")
    }
    let columns = shape.columnCount
    guard columns * tensor.info.dtype.bitsPerElement % 8 == 0 else {
      throw SumacError(.usage, "rows of '\(name.printable)' do not end on a byte")
    }
    return (tensor, rows.lowerBound * columns..<rows.upperBound * columns)
  }

  private static func read(_ tensor: LazyTensor, _ elements: Range<Int>) throws -> [UInt8] {
    var values = ByteBuffer(byteCount: tensor.info.bytes(of: elements).count)
    var room = ByteBuffer(
      byteCount: tensor.source.scratchByteCount(elementCount: elements.count))
    var span = values.mutableBytes
    var scratch = room.mutableBytes
    try tensor.source.read(elements, into: &span, scratch: &scratch)
    return span.bytes.array()
  }
}
