package import Base
package import Checkpoints
import Packing
import TensorCore

/// `vector add` and `vector negate`: vectors, each times its scale, as one.
package struct VectorSum: Sendable {
  package let vectors: [(vector: TaskVector, scale: Double)]

  package init(vectors: [(vector: TaskVector, scale: Double)]) { self.vectors = vectors }

  /// Everything that is wrong and can be known from headers.
  package var errors: [any UserError] {
    var errors: [any UserError] = []
    var seen: [UTF8Key: (info: TensorInfo, path: String)] = [:]
    for (vector, _) in vectors {
      let path = vector.checkpoint.path
      if vector.kind == .replacement {
        errors.append(
          UsageError(
            "\(path.printable): replaces values bit for bit, and can be neither added nor negated",
            hint: "extract a vector without \(setting: "exact")"))
      }
      let whole = vector.tensors.filter(\.isWhole)
      if !whole.isEmpty {
        errors.append(
          UsageError(
            "\(path.printable): keeps \(GroupedNames.list(whole.map(\.name))) whole, which "
              + "\(whole.count == 1 ? "is no difference" : "are no differences")",
            hint: "apply it to its base, and extract a vector from that"))
      }
      for tensor in vector.tensors {
        let key = UTF8Key(tensor.name)
        if let first = seen[key], first.info.shape != tensor.sum.info.shape {
          errors.append(
            UsageError(
              "'\(tensor.name.printable)' is \(first.info.shape) in \(first.path.printable) and "
                + "\(tensor.sum.info.shape) in \(path.printable)",
              hint: "add vectors of one base"))
        } else if seen[key] == nil {
          seen[key] = (tensor.sum.info, path)
        }
      }
    }
    return errors
  }

  /// All vectors' tensors: terms of packed ones are kept as they lie.
  package func summed() -> Checkpoint {
    var result = vectors[0].vector.checkpoint
    result.lineage = Lineage()
    result.attributes = Attributes()
    result.companions = []
    result.files = vectors.flatMap(\.vector.checkpoint.files)
    var places: [UTF8Key: Int] = [:]
    var sums: [TermSum] = []
    var forms: [StoredForm] = []
    for (vector, scale) in vectors {
      for tensor in vector.tensors {
        let scaled = tensor.sum.scaled(by: Float(scale))
        if let place = places[UTF8Key(tensor.name)] {
          // Products alone have any dtype; stored terms decide.
          if sums[place].parts.allSatisfy(\.isProduct) { sums[place].info = scaled.info }
          sums[place].parts += scaled.parts
        } else {
          places[UTF8Key(tensor.name)] = sums.count
          sums.append(scaled)
          forms.append(
            StoredForm(
              file: vector.checkpoint.path, byteOffset: 0, byteCount: scaled.info.byteCount,
              dtype: scaled.info.dtype, codec: "sum"))
        }
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

extension TermSum.Part {
  fileprivate var isProduct: Bool { if case .lowRank = self { true } else { false } }
}
