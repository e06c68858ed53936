import Base
import Checkpoints
import Glibc
import PackedFormat
import Packing
import TensorCore

/// Tensors and files to be written as a `.sumac` file.
///
/// ```swift
/// var output = SumacOutput()
/// try output.add("weight", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6], as: "int8")
/// try output.write(to: "weights.sumac")
/// ```
public struct SumacOutput: Sendable {
  private var tensors: [LazyTensor] = []
  private var files: [LazyTensor] = []
  /// Strings to store with the tensors.
  public var metadata: [String: String] = [:]

  public init() {}

  /// Adds a tensor of canonical bytes: little-endian, row by row.
  /// - Parameters:
  ///   - name: not taken yet, at most 4096 bytes.
  ///   - type: of the elements.
  ///   - shape: dimensions, outermost first.
  ///   - bytes: as many as elements of that type and shape take.
  ///   - storage: a type such as `int4:g64` or terms such as
  ///     `dense:int4:g64+lowrank:8+sparse:1%`, as the command line has them; without loss if not
  ///     given. Other than that needs F16, BF16, F32 or F64.
  /// - Throws: ``SumacError`` if they do not fit together.
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

  /// Adds a tensor of float32.
  /// - Parameters:
  ///   - name: not taken yet, at most 4096 bytes.
  ///   - shape: dimensions, outermost first.
  ///   - floats: as many as elements of that shape.
  ///   - storage: as of ``add(_:type:shape:bytes:as:)``.
  /// - Throws: ``SumacError`` if they do not fit together.
  public mutating func add(
    _ name: String, shape: [Int], floats: [Float], as storage: String? = nil
  ) throws(SumacError) {
    let bytes = floats.rawSpan.array()
    try add(name, type: .f32, shape: shape, bytes: bytes, as: storage)
  }

  /// Adds a file of the model, such as `config.json`.
  /// - Parameters:
  ///   - name: a relative path of plain components.
  ///   - bytes: of the file.
  /// - Throws: ``SumacError`` if the name is taken, or leads elsewhere.
  public mutating func attach(_ name: String, bytes: [UInt8]) throws(SumacError) {
    guard RelativePath.isSafe(name), !files.contains(where: { $0.name.equalsAsBytes(name) }) else {
      throw SumacError(.usage, "'\(name.printable)' is taken, or no plain relative path")
    }
    files.append(try Self.tensor(name, .u8, [bytes.count], bytes))
  }

  /// Writes the file: it appears under its name whole or not at all.
  /// - Parameters:
  ///   - path: of the file.
  ///   - replacing: whether an existing file may be replaced.
  ///   - threads: how many to use at most; the bytes do not depend on it.
  /// - Throws: ``SumacError``; for instance if values under a lossy type are not finite.
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
    if let reason = SumEncoding.fault(recipe, info) {
      throw SumacError(.usage, "'\(info.name.printable)' cannot be stored as \(recipe): \(reason)")
    }
    return .recipe(recipe)
  }
}
