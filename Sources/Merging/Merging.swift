package import Base
package import Checkpoints
import Models
import TensorCore

/// The `merge` operation: merges models into one, tensor by tensor, according to a recipe.
package struct Merging: Sendable {
  package let recipe: MergeRecipe
  package let method: any MergeMethod.Type
  package let options: MergeOptions
  /// The models that the recipe names, in the order of the recipe.
  package let inputs: [Checkpoint]
  package let tensors: [PlannedTensor]
  /// All errors that can be found from the recipe and the headers of the models.
  package let errors: [any UserError]
  /// Notes to report before the merge starts.
  package let notes: [Message]
  /// The model whose configuration and files the output receives: the base, or the first model if there is none.
  package let host: Checkpoint?
  /// The findings of the survey, which the sources of the output share.
  let findings: MergeFindings
  /// The number of layers of the output and their source layers, if slices are stacked.
  private let layers: (count: Int, picks: [Int])?

  /// Plans the merge from the headers of the models.
  ///
  /// - Parameter models: The models by their names in the recipe.
  /// - Throws: A `UsageError` if the method is not known; all other errors are in `errors`.
  package init(_ recipe: MergeRecipe, models: [String: Checkpoint], options: MergeOptions) throws {
    guard let method = MergeMethods[recipe.method] else { throw recipe.unknownMethod }
    var options = options
    // The authors trim over the whole model.
    if method == AdaMerging.self, recipe.parameters.choices["ties"] != nil {
      options.scope = .global
    }
    self.recipe = recipe
    self.method = method
    self.options = options
    inputs = recipe.models.compactMap { models[$0] }
    var planner = MergePlanner(recipe, method: method, models: models, options: options)
    tensors = planner.tensors()
    findings = MergeFindings(unsurveyed: tensors)
    host = (recipe.base ?? recipe.models.first).flatMap { models[$0] }
    layers = planner.layerCount.map { ($0, planner.layerPicks) }
    var errors = planner.errors
    if let host { errors += options.selection.errors(for: host) }
    let compatibility = try CompatibilityCheck(
      recipe, models: models, allowsMismatch: options.allowsConfigMismatch)
    self.errors = errors + compatibility.errors
    notes =
      planner.notes + compatibility.notes
      + Self.notes(on: tensors, isStack: method == Passthrough.self)
  }

  /// Returns notes on the tensors that are copied or merged in a lower precision.
  ///
  /// - Parameter isStack: True if the method copies tensors, so that copies need no note.
  private static func notes(on tensors: [PlannedTensor], isStack: Bool) -> [Message] {
    var notes: [Message] = []
    let copied = tensors.filter { $0.isCopied && $0.aliasOf == nil }
    if !copied.isEmpty, !isStack {
      notes.append(
        "copied without merging: \(GroupedNames.list(copied.map(\.info.name)))")
    }
    let wide = tensors.filter { tensor in
      !tensor.isCopied && tensor.operands.contains { $0.tensor.info.dtype == .f64 }
    }
    if !wide.isEmpty {
      notes.append(
        "F64 values are merged in float32: \(GroupedNames.list(wide.map(\.info.name)))")
    }
    return notes
  }

  // MARK: Work

  /// The number of bytes that surveys read, for progress reports.
  package var surveyByteCount: Int {
    tensors.reduce(0) { $0 + MergeSurvey.passCount($1) * $1.byteCount }
  }

  /// The number of bytes that a worker needs for surveys.
  package var workerByteCount: Int { MergeSurvey.workerByteCount(tensors, seed: options.seed) }

  /// The number of bytes that surveys need besides those of workers.
  package var fixedByteCount: Int {
    512 * tensors.count + MergeSurvey.fixedByteCount(tensors)
      * (options.scope == .global ? 2 : 1)
  }

  /// Runs the surveys, and hands what they find to the planned output, whose values are final from then on.
  package func survey(engine: Engine) throws {
    findings.settle(try MergeSurvey(options: options, engine: engine).settled(tensors))
  }

  /// Returns the output, whose values are computed when they are read.
  ///
  /// Its shapes and dtypes are final. Its values are approximate before `survey(engine:)` ran, because thresholds and
  /// factors are not known.
  package func output() throws -> Checkpoint {
    guard let host else {
      throw UsageError("the recipe names no models, expected at least one")
    }
    var result = host
    result.lineage = Lineage()
    result.attributes = Attributes()
    result.notes = []
    result.files = inputs.flatMap(\.files)
    result.tensors = tensors.enumerated().map { index, tensor in
      let first = tensor.operands[0].tensor
      let source = MergedSource(
        info: tensor.info, operands: tensor.operands, findings: findings, index: index,
        seed: options.seed)
      var lazy =
        tensor.isCopied
        ? first : LazyTensor(info: tensor.info, source: source, stored: first.stored)
      lazy.info = tensor.info
      lazy.aliasOf = tensor.aliasOf
      return lazy
    }
    return try configured(result)
  }

  /// Returns the checkpoint with the dtype, layer count and vocabulary size of its tensors in its configuration.
  private func configured(_ checkpoint: Checkpoint) throws -> Checkpoint {
    var result = checkpoint
    let dtypes = Set(checkpoint.tensors.map(\.info.dtype).filter(\.isPlainFloat))
    if dtypes.count == 1, let dtype = dtypes.first {
      result = try result.changingConfig { ModelConfig.settingDType(dtype, in: $0) }
    }
    if let layers, let host, let configuration = try host.modelConfiguration(),
      let before = try? configuration.layerCount
    {
      let keys = ModelConfiguration.Keys.layerCount
      result = try result.changingConfig { text in
        ModelConfig.changing(text, at: configuration.path) { key, value in
          if keys.contains(key), value.asInt == before { return JSONValue(layers.count) }
          // A list with an entry for each layer is rearranged like the layers.
          guard let list = value.asArray, key.contains("layer"), list.count == before,
            layers.picks.allSatisfy(list.indices.contains)
          else { return nil }
          return .array(layers.picks.map { list[$0] })
        }
      }
    }
    let cut = tensors.first { tensor in
      TensorNames.isEmbedding(tensor.info.name)
        && tensor.operands.contains { $0.tensor.info.shape != tensor.info.shape }
    }
    if let rows = cut?.info.shape.dimensions.first,
      let before = cut?.operands.first?.tensor.info.shape.dimensions.first
    {
      result = try result.changingConfig { text in
        ModelConfig.changing(text) { key, value in
          key == ModelConfiguration.Keys.vocabularySize && value.asInt == before
            ? JSONValue(rows) : nil
        }
      }
    }
    return result
  }
}
