package import Base
package import Checkpoints
import Packing
import TensorCore

/// The operations `vector add` and `vector negate`: the sum of vectors, each multiplied by its scale.
package struct VectorSum: Sendable {
  package let vectors: [(vector: TaskVector, scale: Double)]

  package init(vectors: [(vector: TaskVector, scale: Double)]) { self.vectors = vectors }

  /// All errors that can be found from headers.
  package var errors: [any UserError] {
    var errors: [any UserError] = []
    var seen: [UTF8Key: (info: TensorInfo, path: String)] = [:]
    for (vector, _) in vectors {
      let path = vector.checkpoint.path
      if vector.kind == .replacement {
        errors.append(
          UsageError(
            "\(path.printable): cannot be added or negated because it replaces values bit for bit",
            hint: "extract a vector without \(setting: "exact")"))
      }
      let other = vector.tensors.filter { !$0.isPlainAddition }
      if !other.isEmpty {
        errors.append(
          UsageError(
            "\(path.printable): cannot be added or negated because it has changes that depend on the base: "
              + GroupedNames.list(other.map(\.name)),
            hint: "apply it to its base, and extract a vector from the result"))
      }
      for tensor in vector.tensors {
        let key = UTF8Key(tensor.name)
        if let first = seen[key], first.info.shape != tensor.sum.info.shape {
          errors.append(
            UsageError(
              "'\(tensor.name.printable)' is \(first.info.shape) in \(first.path.printable) and "
                + "\(tensor.sum.info.shape) in \(path.printable)",
              hint: "add vectors of the same base"))
        } else if seen[key] == nil {
          seen[key] = (tensor.sum.info, path)
        }
      }
    }
    return errors
  }

  /// Returns a vector with the terms of all vectors; packed terms are copied without decoding.
  package func summed() -> Checkpoint {
    var result = vectors[0].vector.checkpoint
    result.lineage = Lineage()
    result.attributes = Attributes()
    result.removeCompanions()
    result.files = vectors.flatMap(\.vector.checkpoint.files)
    var indices: [UTF8Key: Int] = [:]
    var sums: [TermSum] = []
    var forms: [StoredForm] = []
    for (vector, scale) in vectors {
      for tensor in vector.tensors {
        let key = UTF8Key(tensor.name)
        if let index = indices[key] {
          // Low-rank products fit any dtype, so stored terms determine the dtype of the sum.
          if sums[index].parts.allSatisfy(\.isProduct) { sums[index].info = tensor.sum.info }
          sums[index].parts += tensor.parts(for: sums[index].info, scaledBy: Float(scale))
          continue
        }
        var scaled = tensor.sum
        scaled.parts = tensor.parts(for: scaled.info, scaledBy: Float(scale))
        indices[key] = sums.count
        sums.append(scaled)
        forms.append(
          StoredForm(
            file: vector.checkpoint.path, byteOffset: 0, byteCount: scaled.info.byteCount,
            dtype: scaled.info.dtype, codec: "sum"))
      }
    }
    result.tensors = zip(sums, forms).map { $0.lazy(stored: $1) }
    return result.marked(.difference)
  }

  package var lineageOptions: [Lineage.Option] {
    vectors.map { Lineage.Option("scale", String($0.scale)) }
  }

  package var inputs: [Checkpoint] { vectors.map(\.vector.checkpoint) }
}
