package import Base
package import Checkpoints
import Models
import PackedFormat
package import TensorCore
import Zstd

/// The `convert` operation: drops tensors, changes dtypes, and writes the rest in any container.
package struct Conversion: Sendable {
  package var dtype: DType?
  package var saturating: Bool
  package var drop: [Glob]
  package var selection: Selection
  package var storage: StorageChoice

  package init(
    dtype: DType? = nil, saturating: Bool = false, drop: [Glob] = [],
    selection: Selection = Selection(), storage: StorageChoice = StorageChoice()
  ) {
    self.dtype = dtype
    self.saturating = saturating
    self.drop = drop
    self.selection = selection
    self.storage = storage
  }

  /// Returns all errors of the request for this input.
  package func errors(for checkpoint: Checkpoint) -> [any UserError] {
    var errors = selection.errors(for: checkpoint)
    for glob in drop where !checkpoint.tensors.contains(where: { glob.matches($0.name) }) {
      errors.append(noMatch("drop", glob, checkpoint))
    }
    errors += storage.errors(for: checkpoint)
    if let error = castScope(in: checkpoint)?.error(path: checkpoint.path) { errors.append(error) }
    if dtype == nil {
      if saturating {
        errors.append(
          UsageError("\(setting: "saturate") has no effect without \(setting: "dtype")"))
      }
      if selection != Selection(), storage.recipe == nil, storage.targetOptions.isEmpty {
        errors.append(
          UsageError(
            "\(setting: "include"), \(setting: "exclude") and \(setting: "names-from") have no effect "
              + "without \(setting: "dtype"), \(setting: "type") or \(setting: "terms")",
            hint: "to leave tensors out, use \(setting: "drop")"))
      }
    }
    return errors
  }

  /// Returns the converted checkpoint; values are converted when they are read.
  package func applied(to checkpoint: Checkpoint) throws -> Checkpoint {
    var result = checkpoint
    if !drop.isEmpty { result = dropping(from: result) }
    if let dtype, let scope = castScope(in: checkpoint) {
      result = try scope.cast.applied(to: result)
      // If weights of several dtypes remain in a component, its configuration keeps its dtype.
      let folder = result.folder
      for component in [nil] + folder.components.indices.map(Optional.some) {
        var part = result
        part.tensors.removeAll { folder.component(of: $0.name) != component }
        guard !part.tensors.isEmpty, scope.isUniform(part) else { continue }
        result = try result.changingConfig(in: component.map { folder.components[$0].path }) {
          ModelConfig.settingDType(dtype, in: $0)
        }
      }
    }
    return result
  }

  /// Returns the tensors that `dtype` converts and leaves, among those that are not dropped; nil without a dtype.
  private func castScope(in checkpoint: Checkpoint) -> CastScope? {
    dtype.map {
      CastScope(
        drop.isEmpty ? checkpoint : dropping(from: checkpoint), to: $0, saturating: saturating,
        selection: selection)
    }
  }

  /// The notes about tensors that `dtype` leaves as they are.
  package func castNotes(for checkpoint: Checkpoint) -> [Message] {
    castScope(in: checkpoint)?.notes ?? []
  }

  /// Removes tensors. If the owner of aliases is removed, its first remaining alias becomes the owner.
  private func dropping(from checkpoint: Checkpoint) -> Checkpoint {
    var result = checkpoint
    result.tensors = []
    var heirs: [UTF8Key: String] = [:]
    for var tensor in checkpoint.tensors
    where !drop.contains(where: { $0.matches(tensor.name) }) {
      if let target = tensor.aliasOf {
        let isGone = drop.contains { $0.matches(target) }
        if isGone {
          tensor.aliasOf = heirs[UTF8Key(target)]
          if tensor.aliasOf == nil { heirs[UTF8Key(target)] = tensor.name }
        }
      }
      result.tensors.append(tensor)
    }
    return result
  }

  /// The options of the request for the lineage.
  package var lineageOptions: [Lineage.Option] {
    var options: [Lineage.Option] = []
    if let dtype { options.append(Lineage.Option("dtype", dtype.name.lowercased())) }
    options += storage.lineageOptions
    if saturating { options.append(Lineage.Option("saturate", "true")) }
    for glob in drop { options.append(Lineage.Option("drop", glob.pattern)) }
    options += selection.lineageOptions
    return options
  }
}
