package import Base
package import Checkpoints
import Models
import Packing
package import TensorCore

/// The operation `vector apply`, which adds task vectors to a base in order, each multiplied by its scale.
package struct VectorApplication: Sendable {
  package let base: Checkpoint
  package let vectors: [(vector: TaskVector, scale: Double)]
  /// All errors that can be found from headers.
  package let errors: [any UserError]
  package let notes: [Message]
  private let changes: [UTF8Key: [VectorMatching.Change]]
  private let untiesOutput: Bool
  private let embeddings: LazyTensor?

  package init(base: Checkpoint, vectors: [(vector: TaskVector, scale: Double)]) {
    self.base = base
    self.vectors = vectors
    let tensors = BaseTensors(
      base,
      flattens: vectors.contains { vector, _ in
        vector.tensors.contains { if case .flattened = $0.target { true } else { false } }
      })
    let matching = VectorMatching.all(vectors, with: tensors)
    (changes, untiesOutput) = (matching.changes, matching.untiesOutput)
    embeddings = tensors.embeddings
    errors = matching.errors
    notes =
      matching.notes
      + (matching.untiesOutput
        ? [
          "\(base.path.printable): the output layer, which is tied to the embeddings, becomes a tensor of its own"
        ] : [])
  }

  /// Returns the base with the tensors of the vectors added; all other tensors are those of the base.
  ///
  /// - Parameter dtype: The dtype of the changed tensors; that of the base's tensors if nil.
  package func applied(dtype: DType? = nil) throws -> Checkpoint {
    // Values that replace others bit for bit have the dtype of the base.
    let dtype = vectors.contains { $0.vector.kind == .replacement } ? nil : dtype
    var result = base
    result.lineage = Lineage()
    result.attributes = Attributes()
    result.files = base.files + vectors.flatMap(\.vector.checkpoint.files)
    var names: [UTF8Key: Int] = [:]
    for (index, tensor) in base.tensors.enumerated() { names[UTF8Key(tensor.name)] = index }
    for index in result.tensors.indices {
      guard let changes = changes[UTF8Key(base.tensors[index].name)] else { continue }
      result.tensors[index] = try changed(base.tensors[index], changes, dtype)
    }
    // An alias stays an alias unless a vector contains a tensor with its name.
    for index in result.tensors.indices {
      let tensor = base.tensors[index]
      guard let target = tensor.aliasOf, changes[UTF8Key(tensor.name)] == nil,
        changes[UTF8Key(target)] != nil, let changed = names[UTF8Key(target)]
      else { continue }
      guard !TensorNames.isOutputWeight(target) else {
        // The embeddings keep their values when the output layer that they share is changed.
        result.tensors[index].aliasOf = nil
        continue
      }
      result.tensors[index] = result.tensors[changed]
      result.tensors[index].info.name = tensor.name
      result.tensors[index].aliasOf = target
    }
    let added = changes.values.compactMap { $0.first?.tensor.name }.filter {
      names[UTF8Key($0)] == nil
    }
    for name in added.sorted(by: { $0.precedesAsBytes($1) }) {
      // Only an output layer that is tied to the embeddings has no tensor.
      guard let embeddings, let changes = changes[UTF8Key(name)] else { continue }
      var output = embeddings
      output.info.name = name
      result.tensors.append(try changed(output, changes, dtype))
    }
    return try configured(result)
  }

  // MARK: Tensors

  private func changed(
    _ tensor: LazyTensor, _ changes: [VectorMatching.Change], _ dtype: DType?
  ) throws -> LazyTensor {
    var sum = TermSum(tensor)
    if let dtype, dtype != tensor.info.dtype, tensor.info.dtype.isPlainFloat {
      sum.info = try TensorInfo(name: tensor.name, dtype: dtype, shape: tensor.info.shape)
      sum.parts = [.dense(tensor, factor: 1)]
    }
    for change in changes {
      let (effect, scale) = (change.tensor.effect, change.scale)
      switch effect {
      case .addition:
        sum.parts += change.tensor.parts(for: sum.info, scaledBy: scale)
      case .replacement:
        var parts = change.tensor.parts(for: sum.info, scaledBy: scale)
        if scale != 1 { parts.insert(try previous(sum, tensor, factor: 1 - scale), at: 0) }
        sum.info = try TensorInfo(
          name: sum.info.name, dtype: sum.info.dtype, shape: change.tensor.sum.info.shape)
        sum.parts = parts
      case .rows(let indices):
        guard case .dense(let rows, _) = change.tensor.sum.parts.first else { continue }
        let before = try wide(sum, tensor)
        let after = LazyTensor(
          info: before.info, source: try ReplacedRowsSource(before, rows: rows, at: indices),
          stored: tensor.stored)
        try blend(after, scale, into: &sum, tensor)
      case .magnitude(let norms):
        var added = sum
        added.parts += change.tensor.parts(for: sum.info, scaledBy: 1)
        let before = try wide(added, tensor)
        let after = LazyTensor(
          info: before.info, source: RescaledRowsSource(base: before, norms: norms),
          stored: tensor.stored)
        try blend(after, scale, into: &sum, tensor)
      }
    }
    return sum.lazy(like: tensor)
  }

  /// Replaces a sum by (1 − scale) · previous + scale · `after`.
  private func blend(
    _ after: LazyTensor, _ scale: Float, into sum: inout TermSum, _ tensor: LazyTensor
  ) throws {
    var parts: [TermSum.Part] = [.dense(after, factor: scale)]
    if scale != 1 { parts.insert(try previous(sum, tensor, factor: 1 - scale), at: 0) }
    sum.parts = parts
  }

  /// Returns the values of a sum so far as one part.
  private func previous(
    _ sum: TermSum, _ tensor: LazyTensor, factor: Float
  ) throws -> TermSum.Part {
    .dense(sum.parts.count == 1 ? sum.lazy(like: tensor) : try wide(sum, tensor), factor: factor)
  }

  /// Returns a sum as an F32 tensor, so that it is not rounded before it is used.
  private func wide(_ sum: TermSum, _ tensor: LazyTensor) throws -> LazyTensor {
    guard sum.info.dtype != .f32 else { return sum.lazy(like: tensor) }
    // Stored terms are divided into chunks by the dtype of the base, so that they are read as a tensor of it.
    let stored = sum.parts.filter(\.isStored)
    var parts = sum.parts.filter { !$0.isStored }
    if !stored.isEmpty {
      let tensor = TermSum(info: sum.info, parts: stored).lazy(like: tensor)
      parts.insert(.dense(tensor, factor: 1), at: 0)
    }
    let info = try TensorInfo(name: sum.info.name, dtype: .f32, shape: sum.info.shape)
    return TermSum(info: info, parts: parts).lazy(stored: tensor.stored)
  }

  // MARK: Configuration

  /// Returns the model with the vocabulary size and the tying of its new tensors in its configuration.
  private func configured(_ checkpoint: Checkpoint) throws -> Checkpoint {
    var result = checkpoint
    let path = (try? checkpoint.modelConfiguration())??.path ?? []
    if untiesOutput {
      result = try result.changingConfig { text in
        var edit = JSONEdit(text)
        let key = ModelConfiguration.Keys.tiesEmbeddings
        let isDone = edit.set(key, false, at: path) && (path.isEmpty || edit.set(key, false))
        return isDone ? edit.text : nil
      }
    }
    guard let embeddings, let before = embeddings.info.shape.dimensions.first,
      let rows = result.tensors.first(where: { $0.name.equalsAsBytes(embeddings.name) })?
        .info.shape.dimensions.first, rows != before
    else { return result }
    for companion in vectors.flatMap(\.vector.checkpoint.companions)
    where TokenizerFiles.names.contains(companion.name) {
      result.companions.removeAll { $0.name == companion.name }
      result.companions.append(companion)
    }
    return try result.changingConfig { text in
      ModelConfig.changing(text) { key, _ in
        key == ModelConfiguration.Keys.vocabularySize ? JSONValue(rows) : nil
      }
    }
  }

  // MARK: Survey

  /// The hashes of the restored values, if the only vector is exact.
  private var hashes: RestoredHashes? {
    guard vectors.count == 1, vectors[0].vector.kind == .replacement else { return nil }
    return RestoredHashes(of: vectors[0].vector.checkpoint)
  }

  /// The number of bytes that are read before the output is written.
  package var surveyByteCount: Int {
    vectors.reduce(0) { $0 + VectorCheck($1.vector).byteCount }
      + (hashes == nil ? 0 : vectors[0].vector.tensors.reduce(0) { $0 + $1.sum.info.byteCount })
  }

  /// The number of bytes that a worker needs to check values.
  package var checkByteCount: Int {
    vectors.map { VectorCheck($0.vector).workerByteCount }.max() ?? 0
  }

  /// Checks the values of all vectors.
  ///
  /// - Returns: Warnings about vectors that change nothing.
  /// - Throws: `FormatError` if a vector has a value that is not finite.
  package func check(engine: Engine) throws -> [Message] {
    try vectors.flatMap { try VectorCheck($0.vector).run(engine: engine) }
  }

  /// Checks the values of all vectors, and the hashes of the values that an exact vector restores.
  ///
  /// - Throws: As `check(engine:)`, or `FormatError` if an exact vector is applied to a base other than its own.
  package func check(_ applied: Checkpoint, engine: Engine) throws -> [Message] {
    let notes = try check(engine: engine)
    try hashes?.check(
      applied.tensors, vector: vectors[0].vector.checkpoint.path, engine: engine)
    return notes
  }

  package var lineageOptions: [Lineage.Option] {
    vectors.map { Lineage.Option("scale", String($0.scale)) }
  }

  package var inputs: [Checkpoint] { [base] + vectors.map(\.vector.checkpoint) }
}

extension TermSum.Part {
  /// True if the part is a product of factors.
  var isProduct: Bool { if case .lowRank = self { true } else { false } }
  /// True if the part is a term of a packed file.
  var isStored: Bool { if case .stored = self { true } else { false } }
}
