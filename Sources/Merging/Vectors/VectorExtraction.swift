package import Base
package import Checkpoints
import Models
import Packing
package import TensorCore

/// The operation `vector extract`, which computes the changes of a fine-tune from its base.
package struct VectorExtraction: Sendable {
  package let tuned: Checkpoint
  package let base: Checkpoint
  package var form: VectorForm
  /// True if the vector restores the fine-tune bit for bit.
  package var isExact: Bool
  /// The dtype of the differences; that of the base if nil.
  package var dtype: DType?
  package var selection: Selection

  package let errors: [any UserError]
  package let notes: [Message]
  let pairs: [(tuned: LazyTensor, base: LazyTensor)]
  /// The tensors whose differences cannot be stored, so that their values must be equal.
  private let twins: [PlannedTensor]

  /// Matches the tensors of the two models, and collects all errors that can be found from headers.
  package init(
    tuned: Checkpoint, base: Checkpoint, form: VectorForm, isExact: Bool, dtype: DType?,
    selection: Selection
  ) {
    self.tuned = tuned
    self.base = base
    self.form = form
    self.isExact = isExact
    self.dtype = dtype
    self.selection = selection
    var errors = form.errors + selection.errors(for: base)
    if isExact, !form.isDense || dtype != nil {
      errors.append(
        UsageError(
          "\(setting: "exact") cannot be combined with \(setting: "density"), \(setting: "rank"), \(setting: "type") or \(setting: "dtype")",
          hint: "remove \(setting: "exact") or the other options"))
    }
    let pairing = VectorPairing(
      tuned: tuned, base: base, isExact: isExact, dtype: dtype, selection: selection)
    errors += pairing.errors
    if pairing.pairs.isEmpty, errors.isEmpty {
      errors.append(
        UsageError(
          "no tensor is selected whose difference can be stored",
          hint: "check \(setting: "include") and \(setting: "exclude")"))
    }
    self.errors = errors
    let excluded = pairing.excluded
    notes = excluded.isEmpty ? [] : ["excluded: \(GroupedNames.list(excluded))"]
    pairs = pairing.pairs
    twins = pairing.twins
  }

  // MARK: Work

  /// The number of bytes that are read before the output is written, to compare twins and to compute hashes.
  package var surveyByteCount: Int {
    twins.reduce(0) { $0 + $1.byteCount }
      + (isExact ? pairs.reduce(0) { $0 + $1.tuned.info.byteCount } : 0)
  }

  /// The number of bytes that a worker needs for comparisons and hashes.
  package var workerByteCount: Int {
    max(
      MergeSurvey.workerByteCount(twins, seed: 0),
      isExact ? Engine.workspaceByteCount(of: pairs.map(\.tuned), extra: { _ in 0 }) : 0)
  }

  /// Compares the tensors whose values must be equal, and hashes the fine-tune if the vector is exact.
  ///
  /// - Returns: The hashes of the values that an exact vector restores; nil for other vectors.
  /// - Throws: `FormatError` for a tensor that differs although its values must be equal.
  package func survey(engine: Engine) throws -> RestoredHashes? {
    _ = try MergeSurvey(options: MergeOptions(), engine: engine).settled(twins)
    return isExact ? try RestoredHashes(of: pairs.map(\.tuned), engine: engine) : nil
  }

  /// Returns the vector, whose values are computed when they are read.
  package func extracted(restoring hashes: RestoredHashes? = nil) throws -> Checkpoint {
    var result = base
    result.lineage = Lineage()
    result.attributes = Attributes()
    result.removeCompanions()
    result.metadata = []
    result.files = base.files + tuned.files
    let roles = TensorRoles(base)
    result.tensors = try pairs.map { pair in
      if isExact { return Replacement(tuned: pair.tuned, base: pair.base).lazy }
      return try difference(pair, roles)
    }
    result = result.marked(isExact ? .replacement : .difference)
    if let hashes { result.metadata.append(hashes.metadatum) }
    return result
  }

  private func difference(
    _ pair: (tuned: LazyTensor, base: LazyTensor), _ roles: TensorRoles
  ) throws -> LazyTensor {
    var tensor = try LazyTensor.difference(
      pair.tuned, of: tuned, from: pair.base, of: base, dtype: dtype ?? pair.base.info.dtype)
    if let recipe = form.recipe(for: tensor.info, roles) {
      tensor.storage = .recipe(recipe, roles.rows(of: tensor.info))
    }
    return tensor
  }

  package var lineageOptions: [Lineage.Option] {
    var options = form.lineageText.map { Lineage.Option($0.name, $0.value) }
    if isExact { options.append(Lineage.Option("exact", "true")) }
    if let dtype { options.append(Lineage.Option("dtype", dtype.name.lowercased())) }
    return options + selection.lineageOptions
  }
}

extension LazyTensor {
  /// Returns the difference tuned − base, rounded to `dtype`.
  static func difference(
    _ tuned: LazyTensor, of model: Checkpoint, from base: LazyTensor, of origin: Checkpoint,
    dtype: DType
  ) throws -> LazyTensor {
    let info = try TensorInfo(name: base.name, dtype: dtype, shape: base.info.shape)
    let source = MergedSource(
      info: info,
      operands: [
        Operand(tuned, path: model.path, dtype: nil), Operand(base, path: origin.path, dtype: nil),
      ],
      combination: .weightedSum(weights: [1, -1], divisor: 1), seed: 0)
    return LazyTensor(info: info, source: source, stored: tuned.stored)
  }
}
