import Base
import Checkpoints
import LinearAlgebra
import Packing
import TensorCore

/// The tensors that an adapter has for a module, in the order in which modules are first named.
struct AdapterModules {
  /// A part of an adapter's module.
  enum Part { case a, b, magnitude, bias, alpha }

  /// The tensors of a module.
  struct Module {
    let name: String
    fileprivate(set) var parts: [Part: LazyTensor] = [:]
    /// True if the factors are those of an embedding in PEFT's layout, A [r, rows] and B [columns, r].
    var isEmbedding = false
  }

  private(set) var list: [Module] = []
  private var indices: [UTF8Key: Int] = [:]

  mutating func add(_ tensor: LazyTensor, as part: Part, of name: String, isEmbedding: Bool = false)
  {
    let key = UTF8Key(name)
    let index = indices[key] ?? list.count
    if index == list.count {
      indices[key] = index
      list.append(Module(name: name))
    }
    list[index].parts[part] = tensor
    if isEmbedding { list[index].isEmbedding = true }
  }
}

/// The two factors of a module, and the number that their product is multiplied by.
struct AdapterFactors {
  /// The maximum size of a factor that is transposed in memory.
  private static let transposedByteLimit = 1 << 30

  let adapter: AdapterFile
  /// The name of the tensor that the product is added to.
  let target: String
  let a: LazyTensor
  let b: LazyTensor

  /// - Throws: `FormatError` if one factor is missing, or if their dtypes are not supported.
  init(_ module: AdapterModules.Module, of adapter: AdapterFile, target: String) throws {
    self.adapter = adapter
    self.target = target
    guard let a = module.parts[.a], let b = module.parts[.b] else {
      throw adapter.fault("has only one factor, expected A and B", tensor: target)
    }
    guard [a, b].allSatisfy({ [.f32, .f16, .bf16].contains($0.info.dtype) }) else {
      throw adapter.fault(
        "has factors of \(a.info.dtype.name) and \(b.info.dtype.name), expected F32, F16 or BF16",
        tensor: target)
    }
    (self.a, self.b) = (a, b)
  }

  private func fault(rank: Int) -> FormatError {
    adapter.fault(
      "has factors A \(a.info.shape) and B \(b.info.shape), expected factors of rank \(rank)",
      tensor: target)
  }

  /// Returns the product of A [r, in, …] and B [out, r, 1, …], of the shape [out, in, …].
  func product(rank: Int, scale: Double) throws -> TaskVector.Tensor {
    let (shapeOfA, shapeOfB) = (a.info.shape.dimensions, b.info.shape.dimensions)
    guard shapeOfA.count >= 2, shapeOfA.count == shapeOfB.count, shapeOfA[0] == rank,
      shapeOfB[1] == rank, shapeOfB.dropFirst(2).allSatisfy({ $0 == 1 })
    else { throw fault(rank: rank) }
    return try sum(
      u: flat(b, [shapeOfB[0], rank]), v: flat(a, [rank, shapeOfA.dropFirst().reduce(1, *)]),
      scale: scale, [shapeOfB[0]] + shapeOfA.dropFirst())
  }

  /// Returns the transposed product Aᵀ · Bᵀ of A [r, M] and B [N, r], of the shape [M, N].
  func transposedProduct(rank: Int, scale: Double) throws -> TaskVector.Tensor {
    let (shapeOfA, shapeOfB) = (a.info.shape.dimensions, b.info.shape.dimensions)
    guard shapeOfA.count == 2, shapeOfB.count == 2, shapeOfA[0] == rank, shapeOfB[1] == rank
    else { throw fault(rank: rank) }
    return try sum(
      u: transposed(a), v: transposed(b), scale: scale, [shapeOfA[1], shapeOfB[0]])
  }

  /// Returns (A · B)ᵀ of A [in, r] and B [r, out], of the shape [out, in].
  func inputMajorProduct(scale: Double) throws -> TaskVector.Tensor {
    let (rank, inputs, outputs) = try inputMajorSizes()
    guard rank > 0 else { throw fault(rank: rank) }
    return try sum(u: transposed(b), v: transposed(a), scale: scale, [outputs, inputs])
  }

  /// Returns A · B of A [M, r] and B [r, N], of the shape [M, N].
  func plainProduct(scale: Double) throws -> TaskVector.Tensor {
    let (_, rows, columns) = try inputMajorSizes()
    return try sum(u: a, v: b, scale: scale, [rows, columns])
  }

  private func inputMajorSizes() throws -> (rank: Int, rows: Int, columns: Int) {
    let (shapeOfA, shapeOfB) = (a.info.shape.dimensions, b.info.shape.dimensions)
    guard shapeOfA.count == 2, shapeOfB.count == 2, shapeOfA[1] == shapeOfB[0], shapeOfA[1] > 0
    else { throw fault(rank: shapeOfA.last ?? 0) }
    return (shapeOfA[1], shapeOfA[0], shapeOfB[1])
  }

  private func sum(
    u: LazyTensor, v: LazyTensor, scale: Double, _ dimensions: [Int]
  ) throws -> TaskVector.Tensor {
    guard let shape = try? Shape(dimensions),
      let info = try? TensorInfo(name: target, dtype: .f32, shape: shape)
    else { throw adapter.fault("has a product of too many values", tensor: target) }
    return TaskVector.Tensor(
      sum: TermSum(info: info, parts: [.lowRank(u: u, v: v, factor: Float(scale))]))
  }

  /// Returns the tensor with the same values in another shape.
  private func flat(_ tensor: LazyTensor, _ dimensions: [Int]) throws -> LazyTensor {
    guard tensor.info.shape.dimensions != dimensions else { return tensor }
    var result = tensor
    result.info = try TensorInfo(
      name: tensor.name, dtype: tensor.info.dtype, shape: Shape(dimensions))
    return result
  }

  /// Returns the transposed matrix; its values are in memory.
  private func transposed(_ tensor: LazyTensor) throws -> LazyTensor {
    guard tensor.info.byteCount <= Self.transposedByteLimit else {
      throw adapter.fault(
        "has \(ByteSize(tensor.info.byteCount)), expected up to \(ByteSize(Self.transposedByteLimit))",
        tensor: tensor.name)
    }
    let (rows, columns) = (tensor.info.shape.dimensions[0], tensor.info.shape.dimensions[1])
    let width = tensor.info.dtype.bitsPerElement / 8
    let values = Vectors.transposed(
      try tensor.bytes(), width: width, rows: rows, columns: columns)
    let info = try TensorInfo(
      name: tensor.name, dtype: tensor.info.dtype, shape: Shape([columns, rows]))
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: values), stored: tensor.stored)
  }
}

extension TaskVector.Tensor {
  /// Creates the change that replaces a tensor of the base.
  /// - Parameter name: The name of the base's tensor.
  init(whole tensor: LazyTensor, named name: String) {
    var renamed = tensor
    renamed.info.name = name
    self.init(
      sum: TermSum(info: renamed.info, parts: [.dense(renamed, factor: 1)]), effect: .replacement)
  }
}
