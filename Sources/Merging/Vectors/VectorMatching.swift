import Base
import Checkpoints
import Models
import Packing
import TensorCore

/// The changes of vectors, matched with the tensors of a base.
struct VectorMatching {
  /// A change with the name and shape of the base's tensor.
  struct Change {
    var tensor: TaskVector.Tensor
    var scale: Float
  }

  private let base: BaseTensors
  private let scale: Double
  private let vector: TaskVector
  private let path: String

  /// The changes of each tensor, in order.
  private(set) var changes: [UTF8Key: [Change]]
  /// The shapes after the changes.
  private var shapes: [UTF8Key: Shape]
  private(set) var errors: [any UserError] = []
  private(set) var notes: [Message] = []
  /// True if the output layer is changed, but the base ties it to the embeddings.
  private(set) var untiesOutput: Bool

  private var missing = GroupedNames()
  private var unequal = GroupedNames()
  /// The names that are missing, by component of a pipeline.
  private var missingByComponent: [String: [String]] = [:]
  private var foundComponents: Set<String> = []
  /// True if stacked matrices of this vector are stored as [in, out]; nil if that is not known yet.
  private var isInputMajor: Bool?

  /// Matches the changes of all vectors.
  static func all(
    _ vectors: [(vector: TaskVector, scale: Double)], with base: BaseTensors
  ) -> (
    changes: [UTF8Key: [Change]], errors: [any UserError], notes: [Message], untiesOutput: Bool
  ) {
    var result:
      (
        changes: [UTF8Key: [Change]], errors: [any UserError], notes: [Message], untiesOutput: Bool
      ) = ([:], [], [], false)
    var shapes: [UTF8Key: Shape] = [:]
    for (vector, scale) in vectors {
      var matching = VectorMatching(
        base: base, scale: scale, vector: vector, path: vector.checkpoint.path,
        changes: result.changes, shapes: shapes, untiesOutput: result.untiesOutput)
      matching.match()
      (result.changes, shapes) = (matching.changes, matching.shapes)
      result.untiesOutput = matching.untiesOutput
      result.errors += matching.errors
      result.notes += matching.notes
    }
    return result
  }

  private mutating func match() {
    if vector.kind == .replacement, scale != 1 {
      errors.append(
        UsageError(
          "\(path.printable): cannot be scaled by \(scale) because it replaces values bit for bit",
          hint: "extract a vector without \(setting: "exact") to scale it"))
    }
    if vector.tensors.isEmpty || scale == 0 {
      notes.append(
        "\(path.printable): changes nothing, because "
          + (scale == 0 ? "its scale is 0" : "it has no tensors"))
    }
    var open: [(tensor: TaskVector.Tensor, candidates: [TaskVector.Tensor])] = []
    for tensor in vector.tensors {
      guard case .oneOf(let all) = tensor.target else {
        place(tensor)
        continue
      }
      let candidates = all.filter { base.info($0.name)?.shape == $0.sum.info.shape }
      if candidates.count == 1 {
        isInputMajor = candidates[0].isInputMajor ?? isInputMajor
        place(candidates[0])
      } else {
        open.append((tensor, candidates))
      }
    }
    for (tensor, candidates) in open { place(tensor, oneOf: candidates) }
    collectErrors()
  }

  /// Adds a change whose meaning several shapes allow.
  private mutating func place(
    _ tensor: TaskVector.Tensor, oneOf candidates: [TaskVector.Tensor]
  ) {
    guard !candidates.isEmpty else {
      missing.add(tensor.name, to: "the base has no parameter of the shape of the adapter in")
      return
    }
    // The order of inputs and outputs is the same in all stacked matrices of a model.
    let fitting = candidates.filter { $0.isInputMajor == isInputMajor }
    guard fitting.count == 1 else {
      unequal.add(
        tensor.name,
        to: "the shapes do not show which parameter, or which order of inputs and outputs, is meant"
      )
      return
    }
    place(fitting[0])
  }

  /// Adds a change to those of the tensor that it refers to.
  private mutating func place(_ tensor: TaskVector.Tensor) {
    let component = base.component(of: tensor)
    guard let found = base.match(tensor) else {
      missingByComponent[component, default: []].append(tensor.name)
      return
    }
    foundComponents.insert(component)
    // A vector extracted from a fine-tune has the same change of both tensors.
    let isTied = tensor.original == nil && base.tiesEmbeddings
    if found.isTied || isTied && TensorNames.isOutputWeight(found.name) { untiesOutput = true }
    let key = UTF8Key(found.name)
    let shape = shapes[key] ?? found.info.shape
    var change = tensor
    change.sum.info.name = found.name
    guard let fitted = fitted(change, found.info, shape) else { return }
    if fitted.resultShape != shape { noteResize(found.name, shape, fitted.resultShape) }
    shapes[key] = fitted.resultShape
    changes[key, default: []].append(Change(tensor: fitted.tensor, scale: Float(scale)))
  }

  private mutating func noteResize(_ name: String, _ before: Shape, _ after: Shape) {
    let hasTokenizer = vector.checkpoint.companions.contains {
      TokenizerFiles.names.contains($0.name)
    }
    notes.append(
      "\(path.printable): '\(name.printable)' changes from \(before) to \(after)"
        + (hasTokenizer
          ? "; the output gets the tokenizer of the adapter"
          : "; the adapter has no tokenizer, so that of the base is kept"))
  }

  // MARK: Shapes

  /// Returns the change in the shape of the base's tensor, and the shape after it; nil if it does not fit.
  ///
  /// - Parameter shape: The shape of the base's tensor after earlier changes.
  private mutating func fitted(
    _ tensor: TaskVector.Tensor, _ target: TensorInfo, _ shape: Shape
  ) -> (tensor: TaskVector.Tensor, resultShape: Shape)? {
    let info = tensor.sum.info
    if vector.kind == .replacement, target.dtype != info.dtype {
      unequal.add(
        info.name, to: "\(info.dtype.name) in the vector, \(target.dtype.name) in the base")
      return nil
    }
    if vector.kind == .difference, !target.dtype.isPlainFloat || target.dtype == .f64 {
      unequal.add(
        info.name, to: "\(target.dtype.name) in the base, expected F32, F16 or BF16")
      return nil
    }
    if vector.kind == .difference, !info.dtype.isFloat {
      unequal.add(info.name, to: "\(info.dtype.name) in the vector, expected floats")
      return nil
    }
    switch tensor.effect {
    case .addition, .magnitude: return added(tensor, shape)
    case .replacement:
      guard info.shape == shape || resizes(info, shape) else { break }
      return (tensor, info.shape)
    case .rows(let indices):
      guard info.shape.dimensions.dropFirst() == shape.dimensions.dropFirst(),
        let count = shape.dimensions.first, indices.allSatisfy({ $0 < count })
      else { break }
      return (tensor, shape)
    }
    unequal.add(info.name, to: "\(info.shape) in the vector, \(shape) in the base")
    return nil
  }

  private mutating func added(
    _ tensor: TaskVector.Tensor, _ shape: Shape
  ) -> (tensor: TaskVector.Tensor, resultShape: Shape)? {
    let info = tensor.sum.info
    var result = tensor
    // A convolution of 1×1 is a matrix in some adapters.
    if info.shape != shape, info.shape.withoutOnes == shape.withoutOnes,
      tensor.sum.parts.allSatisfy(\.isProduct),
      let fitted = try? TensorInfo(name: info.name, dtype: info.dtype, shape: shape)
    {
      result.sum.info = fitted
    }
    if case .magnitude(let norms) = tensor.effect,
      norms.info.elementCount != shape.dimensions.first || !norms.info.dtype.isPlainFloat
    {
      unequal.add(
        info.name,
        to:
          "\(norms.info.dtype.name) \(norms.info.shape) magnitudes in the vector, \(shape) in the base"
      )
      return nil
    }
    guard result.sum.info.shape == shape else {
      unequal.add(info.name, to: "\(info.shape) in the vector, \(shape) in the base")
      return nil
    }
    return (result, shape)
  }

  /// Returns true if a tensor replaces one with another number of tokens.
  private func resizes(_ info: TensorInfo, _ shape: Shape) -> Bool {
    scale == 1 && TensorNames.mayCountVocabulary(info.name) && !info.shape.dimensions.isEmpty
      && info.shape.dimensions.count == shape.dimensions.count
      && info.shape.dimensions.dropFirst() == shape.dimensions.dropFirst()
  }

  // MARK: Errors

  private mutating func collectErrors() {
    for (component, names) in missingByComponent.sorted(by: { $0.key < $1.key }) {
      // Adapters of pipelines have parts for several models, of which the base is one.
      if !component.isEmpty, !foundComponents.contains(component), !foundComponents.isEmpty {
        notes.append(
          "\(path.printable): not applied, because they belong to another part of the pipeline: "
            + GroupedNames.list(names))
      } else {
        for name in names { missing.add(name, to: "the base has no") }
      }
    }
    let hint: Message = "apply it to the model that it was made from"
    errors += missing.map { text, names, _ in
      UsageError("\(path.printable): \(text) \(names)", hint: hint)
    }
    errors += unequal.map { text, names, _ in
      UsageError("\(path.printable): \(names): \(text)", hint: hint)
    }
  }
}

extension TaskVector.Tensor {
  /// True if the change is of stacked matrices stored as [in, out]; nil for other changes.
  fileprivate var isInputMajor: Bool? {
    guard case .dense(let tensor, _) = sum.parts.first,
      let source = tensor.attributes[StackedProduct.self]
    else { return nil }
    return source.isInputMajor
  }
}

extension Shape {
  /// The dimensions other than 1.
  fileprivate var withoutOnes: [Int] { dimensions.filter { $0 != 1 } }
}
