package import Base
package import Checkpoints
import Packing
import TensorCore

/// The operation `vector apply`, which adds task vectors to a base in order, each multiplied by its scale.
package struct VectorApplication: Sendable {
  package let base: Checkpoint
  package let vectors: [(vector: TaskVector, scale: Double)]

  package init(base: Checkpoint, vectors: [(vector: TaskVector, scale: Double)]) {
    self.base = base
    self.vectors = vectors
  }

  /// All errors that can be found from headers.
  package var errors: [any UserError] {
    var baseInfos: [UTF8Key: TensorInfo] = [:]
    for tensor in base.tensors { baseInfos[UTF8Key(tensor.name)] = tensor.info }
    var errors: [any UserError] = []
    for (vector, scale) in vectors {
      let path = vector.checkpoint.path
      if vector.kind == .replacement, scale != 1 {
        errors.append(
          UsageError(
            "\(path.printable): cannot be scaled by \(scale) because it replaces values bit for bit",
            hint: "extract a vector without \(setting: "exact") to scale it"))
      }
      var missing = GroupedNames()
      var unequal = GroupedNames()
      for tensor in vector.tensors {
        let info = tensor.sum.info
        guard let target = baseInfos[UTF8Key(info.name)] else {
          missing.add(info.name, to: "")
          continue
        }
        if target.shape != info.shape {
          unequal.add(info.name, to: "\(info.shape) in the vector, \(target.shape) in the base")
        } else if vector.kind == .replacement, target.dtype != info.dtype {
          unequal.add(
            info.name, to: "\(info.dtype.name) in the vector, \(target.dtype.name) in the base")
        } else if vector.kind == .difference, !target.dtype.isPlainFloat || target.dtype == .f64 {
          unequal.add(
            info.name, to: "\(target.dtype.name) in the base, expected F32, F16 or BF16")
        }
      }
      errors += missing.map { _, names, _ in
        UsageError(
          "\(path.printable): the base has no \(names)",
          hint: "apply it to the model that it was made from")
      }
      errors += unequal.map { text, names, _ in
        UsageError(
          "\(path.printable): \(names): \(text)",
          hint: "apply it to the model that it was made from")
      }
    }
    return errors
  }

  /// Returns the base with the tensors of the vectors added; all other tensors are those of the base.
  package func applied() -> Checkpoint {
    var result = base
    result.lineage = Lineage()
    result.attributes = Attributes()
    result.files = base.files + vectors.flatMap(\.vector.checkpoint.files)
    var added: [UTF8Key: [(tensor: TaskVector.Tensor, scale: Float)]] = [:]
    for (vector, scale) in vectors {
      for tensor in vector.tensors {
        added[UTF8Key(tensor.name), default: []].append((tensor, Float(scale)))
      }
    }
    // An alias stays an alias unless a vector contains a tensor with its name.
    for index in result.tensors.indices {
      let tensor = base.tensors[index]
      guard let terms = added[UTF8Key(tensor.name)] else {
        if let target = tensor.aliasOf, added[UTF8Key(target)] != nil,
          let changed = result.tensors.first(where: { $0.name.equalsAsBytes(target) })
        {
          var alias = changed
          alias.info.name = tensor.name
          alias.aliasOf = target
          result.tensors[index] = alias
        }
        continue
      }
      var sum = TermSum(tensor)
      for (term, scale) in terms {
        if term.isWhole {
          // The result is (1 − scale) · previous + scale · term.
          let before = TermSum.Part.dense(sum.lazy(like: tensor), factor: 1 - scale)
          sum.parts = (scale == 1 ? [] : [before]) + term.sum.scaled(by: scale).parts
        } else if term.sum.isAdded {
          sum.parts += term.sum.scaled(by: scale).parts
        } else {
          sum.parts += term.sum.parts
        }
      }
      result.tensors[index] = sum.lazy(like: tensor)
    }
    return result
  }

  /// The hashes of the restored values, if the only vector is exact.
  private var hashes: RestoredHashes? {
    guard vectors.count == 1, vectors[0].vector.kind == .replacement else { return nil }
    return RestoredHashes(of: vectors[0].vector.checkpoint)
  }

  /// The number of bytes of tensors that are hashed before they are written.
  package var surveyByteCount: Int {
    hashes == nil ? 0 : vectors[0].vector.tensors.reduce(0) { $0 + $1.sum.info.byteCount }
  }

  /// Checks the hashes of the values that an exact vector restores.
  ///
  /// - Throws: `FormatError` if an exact vector is applied to a base other than its own.
  package func check(_ applied: Checkpoint, engine: Engine) throws {
    try hashes?.check(
      applied.tensors, vector: vectors[0].vector.checkpoint.path, engine: engine)
  }

  package var lineageOptions: [Lineage.Option] {
    vectors.map { Lineage.Option("scale", String($0.scale)) }
  }

  package var inputs: [Checkpoint] { [base] + vectors.map(\.vector.checkpoint) }
}
