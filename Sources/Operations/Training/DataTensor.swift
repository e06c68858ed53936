import Base
import Checkpoints
import Examples
import TensorCore
import TokenData
import Training

/// A tensor of a file with data: `PATH`, or `PATH:NAME`.
struct DataTensor {
  let path: String
  let tensor: LazyTensor
  /// The file that has the tensor.
  let checkpoint: Checkpoint
  private let context: OperationContext

  /// The largest tensor that is read; its values are held in memory.
  static let maximumByteCount = 1 << 32

  /// Creates the data of a tensor that was found in a file.
  /// - Throws: The tensor's fault, or ``UsageError`` if it is too large.
  init(
    _ tensor: LazyTensor, of checkpoint: Checkpoint, path: String, _ context: OperationContext
  ) throws {
    if let fault = tensor.fault { throw fault }
    guard tensor.info.byteCount <= Self.maximumByteCount else {
      throw UsageError(
        "\(path.printable): tensor '\(tensor.name.printable)' is larger than "
          + "\(ByteSize(Self.maximumByteCount))", hint: "give a part of the data")
    }
    self.tensor = tensor
    self.path = path
    self.checkpoint = checkpoint
    self.context = context
  }

  /// Finds a tensor by a path and perhaps a name.
  ///
  /// - Parameters:
  ///   - kind: What the tensor should be, for messages.
  ///   - preferred: The name of the tensor that is chosen among several fitting ones.
  ///   - fits: Whether a tensor can be the one.
  /// - Throws: ``UsageError`` unless one tensor fits, or the fault of the tensor that is named.
  init(
    _ text: String, _ kind: String, preferred: [String] = [], _ context: OperationContext,
    where fits: (TensorInfo) -> Bool
  ) throws {
    let place = try TensorPath(text)
    let (path, name) = (place.path, place.name)
    let checkpoint = try context.read(path, for: .report)
    if let name, let fault = checkpoint.tensors.first(where: { $0.name.equalsAsBytes(name) })?.fault
    {
      throw fault
    }
    let fitting = checkpoint.tensors.filter { $0.fault == nil && fits($0.info) }
    let names = fitting.map(\.name.printable).joined(separator: ", ")
    let found: LazyTensor? =
      if let name { fitting.first { $0.name.equalsAsBytes(name) } } else {
        fitting.count == 1
          ? fitting[0] : fitting.first { preferred.contains($0.name) }
      }
    guard let found else {
      let found = name.map { "no tensor '\($0.printable)'" } ?? "\(fitting.count) tensors"
      throw UsageError(
        "\(path.printable) has \(found) of the kind: \(kind)",
        hint: names.isEmpty ? nil : "choose one as \(path.printable):NAME; it has \(names)")
    }
    try self.init(found, of: checkpoint, path: path, context)
  }

  var shape: [Int] { tensor.info.shape.dimensions }

  static func isInteger(_ dtype: DType) -> Bool { TokenInteger(dtypeName: dtype.name) != nil }

  /// Checks that memory has room for values, both as bytes of the file and as numbers of four bytes.
  /// - Throws: ``UsageError`` that names the tensor and the memory.
  private func checkMemory(elementCount: Int) throws {
    let byteCount = (elementCount * tensor.info.dtype.bitsPerElement + 7) / 8 + 4 * elementCount
    do {
      _ = try context.allotment(
        of: MemoryBudget.Demand(fixedByteCount: byteCount, workerByteCount: 0))
    } catch let error as UsageError {
      throw UsageError(
        "\(path.printable): tensor '\(tensor.name.printable)' is held in memory and needs \(ByteSize(byteCount)); "
          + error.message, hint: error.hint)
    }
  }

  /// Returns whole numbers from 0 to below `limit`.
  /// - Parameter count: The number of elements that are read, from the first on; nil for all.
  /// - Throws: ``FormatError`` with `code`, which names the first element that is none, or ``UsageError`` if memory is short.
  func indexes(
    first count: Int? = nil, below limit: Int, _ code: FormatError.Code
  ) throws -> [Int32] {
    let count = count ?? tensor.info.elementCount
    try checkMemory(elementCount: count)
    let bytes = try tensor.bytes(first: count)
    return try tensor.integer(path: path).ids(in: bytes.rawSpan, below: limit) { index, value in
      FormatError(
        code, "element \(index) is \(value), expected 0 to \(limit - 1)", path: path,
        tensor: tensor.name)
    }
  }

  /// Returns the values of an integer tensor.
  /// - Throws: ``FormatError``, or ``UsageError`` if memory is short.
  func integers() throws -> [Int] {
    try checkMemory(elementCount: 2 * tensor.info.elementCount)
    return try tensor.integers(path: path)
  }

  /// Returns whole numbers up to 2^24, or floats.
  func numbers() throws -> [Double] {
    if Self.isInteger(tensor.info.dtype) {
      return try indexes(below: 1 << 24, .trainingData).map { Double($0) }
    }
    switch try examples() {
    case .floats(let floats): return floats.map { Double($0) }
    case .bytes(let bytes): return bytes.map { Double($0) }
    }
  }

  /// Returns the values of examples.
  /// - Throws: ``FormatError`` if a value is NaN or infinite, ``UsageError`` if memory is short.
  func examples() throws -> LabelledExamples.Values {
    guard tensor.info.dtype == .u8 else { return .floats(try floats()) }
    try checkMemory(elementCount: tensor.info.elementCount)
    return .bytes(try tensor.bytes())
  }

  /// Returns the values of a float tensor.
  /// - Throws: ``FormatError`` if a value is NaN or infinite, ``UsageError`` if memory is short.
  func floats() throws -> [Float] {
    try checkMemory(elementCount: tensor.info.elementCount)
    return try tensor.floats(path: path)
  }
}

extension LazyTensor {
  /// Reads the first values as canonical bytes.
  /// - Parameter count: The number of values, which fill whole bytes.
  func bytes(first count: Int) throws -> [UInt8] {
    var values = ByteBuffer(byteCount: count * info.dtype.bitsPerElement / 8)
    var scratch = ByteBuffer(byteCount: source.scratchByteCount(elementCount: count))
    var span = values.mutableBytes
    var room = scratch.mutableBytes
    try source.read(0..<count, into: &span, scratch: &room)
    return values.bytes.array()
  }

  /// Returns the type of the integers of a tensor.
  /// - Throws: ``FormatError`` if its values are not integers.
  func integer(path: String) throws -> TokenInteger {
    guard let integer = TokenInteger(dtypeName: info.dtype.name) else {
      throw FormatError(
        .trainingData, "has the dtype \(info.dtype.name), expected integers", path: path,
        tensor: name)
    }
    return integer
  }

  /// Returns the values of an integer tensor.
  /// - Throws: ``FormatError`` if its values are not integers, or if one does not fit into 64 bits with a sign.
  func integers(path: String) throws -> [Int] {
    let integer = try integer(path: path)
    let bytes = try bytes()
    let values = bytes.rawSpan
    return try (0..<info.elementCount).map { index in
      let value = integer.value(in: values, at: index * integer.byteCount)
      guard let number = Int(exactly: value) else {
        throw FormatError(
          .trainingData, "element \(index) is \(value), expected at most \(Int.max)", path: path,
          tensor: name)
      }
      return number
    }
  }

  /// Returns the values of a float tensor as F32.
  /// - Throws: ``FormatError`` if a value is NaN or infinite.
  func floats(path: String) throws -> [Float] {
    let reader = FloatReader(
      self,
      .refuse(.nonfinite) { tensor, problem in
        FormatError(
          .nonfiniteValue, "element \(problem.element) is NaN or infinite, expected finite values",
          path: path, tensor: tensor.name)
      })
    let count = info.elementCount
    var floats = [Float](repeating: 0, count: count)
    let piece = 1 << 16
    let layout = reader.workspace(elementCount: piece)
    var buffer = ByteBuffer(byteCount: layout.byteCount)
    for start in stride(from: 0, to: count, by: piece) {
      let range = start..<min(count, start + piece)
      var room = buffer.mutableBytes
      try layout.withSpans(of: &room) { values, scratch in
        try reader.read(range, into: &values, scratch: &scratch)
        for index in range {
          let bits = values.bytes.littleEndian(UInt32.self, at: 4 * (index - start))!
          floats[index] = Float(bitPattern: bits)
        }
      }
    }
    return floats
  }
}
