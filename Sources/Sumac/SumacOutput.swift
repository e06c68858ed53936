import Base
import Checkpoints
import Glibc
import PackedFormat
import Packing
import TensorCore

/// A collection of tensors and files that can be written as a `.sumac` file.
///
/// ```swift
/// var output = SumacOutput()
/// try output.add("weight", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6], as: "int8")
/// try output.write(to: "weights.sumac")
/// ```
public struct SumacOutput: Sendable {
  private var tensors: [LazyTensor] = []
  private var files: [LazyTensor] = []
  /// The strings to store with the tensors, by key.
  public var metadata: [String: String] = [:]

  /// Creates an empty output.
  public init() {}

  /// Adds a tensor from its canonical bytes: little-endian, in row-major order.
  /// - Parameters:
  ///   - name: The name of the tensor; unique, and no longer than 4096 bytes.
  ///   - type: The type of the elements.
  ///   - shape: The dimensions, outermost first.
  ///   - bytes: The bytes of all elements; their number must match type and shape.
  ///   - storage: A type such as `int4:g64` or terms such as `dense:int4:g64+lowrank:8+sparse:1%`, as on the
  ///     command line; nil to store the values without loss. Lossy types need F16, BF16, F32 or F64.
  /// - Throws: ``SumacError`` if the arguments do not match.
  public mutating func add(
    _ name: String, type: ElementType, shape: [Int], bytes: [UInt8], as storage: String? = nil
  ) throws(SumacError) {
    guard !tensors.contains(where: { $0.name.equalsAsBytes(name) }) else {
      throw SumacError(.usage, "the name '\(name.printable)' is taken")
    }
    let tensor = try Self.tensor(name, type.dtype, shape, bytes)
    tensors.append(
      try SumacError.wrapping {
        var tensor = tensor
        tensor.storage = try Self.storage(storage, tensor.info)
        return tensor
      })
  }

  /// Adds a tensor of type F32.
  /// - Parameters:
  ///   - name: The name of the tensor; unique, and no longer than 4096 bytes.
  ///   - shape: The dimensions, outermost first.
  ///   - floats: The elements in row-major order; their number must match the shape.
  ///   - storage: The form of storage, as in ``add(_:type:shape:bytes:as:)``.
  /// - Throws: ``SumacError`` if the arguments do not match.
  public mutating func add(
    _ name: String, shape: [Int], floats: [Float], as storage: String? = nil
  ) throws(SumacError) {
    let bytes = floats.rawSpan.array()
    try add(name, type: .f32, shape: shape, bytes: bytes, as: storage)
  }

  /// Attaches a file of the model, such as `config.json`.
  /// - Parameters:
  ///   - name: A relative path of plain components, which must be unique.
  ///   - bytes: The content of the file.
  /// - Throws: ``SumacError`` if the name is taken or is not a plain relative path.
  public mutating func attach(_ name: String, bytes: [UInt8]) throws(SumacError) {
    guard RelativePath.isSafe(name), !files.contains(where: { $0.name.equalsAsBytes(name) }) else {
      throw SumacError(
        .usage, "'\(name.printable)' is taken, or is not a plain relative path")
    }
    files.append(try Self.tensor(name, .u8, [bytes.count], bytes))
  }

  /// Writes the file, which appears under its name only when it is complete.
  /// - Parameters:
  ///   - path: The path of the file.
  ///   - replacing: True to replace an existing file.
  ///   - threads: The maximum number of threads; the output bytes do not depend on it.
  /// - Throws: ``SumacError``, for instance if values with a lossy type are not finite.
  public func write(
    to path: String, replacing: Bool = false, threads: Int = 4
  ) throws(SumacError) {
    try SumacError.wrapping {
      let checkpoint = Checkpoint(
        path: path, container: .sumac, tensors: tensors,
        metadata: metadata.map { Checkpoint.Metadatum(key: $0.key, value: $0.value) }
          .sorted { $0.key.precedesAsBytes($1.key) },
        companions: files, identity: InputIdentity(hash: "", byteCount: 0), files: [])
      let job = try OutputJob(
        checkpoint, to: path, container: PackedContainer.self, options: WriterOptions(),
        replacesExisting: replacing)
      try job.run(
        jobs: max(1, threads), memory: MemoryBudget(limit: .max), cancellation: Cancellation(),
        progress: NoProgress())
    }
  }

  private static func tensor(
    _ name: String, _ dtype: DType, _ shape: [Int], _ bytes: [UInt8]
  ) throws(SumacError) -> LazyTensor {
    try SumacError.wrapping {
      guard let dimensions = try? Shape(shape),
        let info = try? TensorInfo(name: name, dtype: dtype, shape: dimensions),
        info.byteCount == bytes.count
      else {
        throw SumacError(
          .usage,
          "'\(name.printable)' of \(dtype.name) \(shape) cannot have \(bytes.count) bytes")
      }
      return LazyTensor(
        info: info, source: MemoryTensorSource(info: info, values: bytes),
        stored: StoredForm(file: "memory", byteOffset: 0, byteCount: bytes.count, dtype: dtype))
    }
  }

  private static func storage(_ storage: String?, _ info: TensorInfo) throws -> TensorStorage {
    guard let storage else { return .asIs }
    let recipe = try TermRecipe(typeOrTerms: storage)
    guard !recipe.isLossless else { return .asIs }
    let rows = RowGeometry(info.shape)
    if let reason = SumEncoding.fault(recipe, info, rows: rows) {
      throw SumacError(.usage, "'\(info.name.printable)' cannot be stored as \(recipe): \(reason)")
    }
    return .recipe(recipe, rows)
  }
}
