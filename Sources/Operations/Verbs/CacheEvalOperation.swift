import Base
import Caches
import Checkpoints
import Evaluation
import Networks

/// Continues a text after a cache and after the original one, and compares what the model predicts.
package struct CacheEvalOperation: Operation {
  package static let verb = "cache eval"

  /// The path of the cache to judge, such as a packed one.
  package var cache: String
  /// The path of the original cache.
  package var against: String
  package var model: String
  package var text: SequenceSettings
  /// The number of tokens after the cache that are used.
  package var tokenLimit = 512
  package var input = CacheInputSettings()

  package init(cache: String, against: String, model: String, text: SequenceSettings) {
    self.cache = cache
    self.against = against
    self.model = model
    self.text = text
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    guard 2...(1 << 24) ~= tokenLimit else {
      throw UsageError(
        "\(setting: "tokens") is \(tokenLimit), expected 2 or more: the first token after the cache is only read"
      )
    }
    let inputs = try SequenceInputs(model, text, context)
    let known = try hints(inputs)
    let (packed, original) = (
      try input.read([cache], context, known: known),
      try input.read([against], context, known: known)
    )
    try check(packed, original, inputs)
    try warnOfOtherModel([original, packed], inputs, context)
    let sequence = try sequence(packed, original, inputs)
    inputs.checkPositions(sequence.tokens.count)
    let needed = try SequenceEvaluator.byteCount(
      comparing: [packed, original], sequence, inputs.model, jobs: inputs.compute.jobs)
    let passed = 2 * sequence.targets.count * (inputs.model.layerCount + 1)
    let tokens = try inputs.run(sequence, needed: needed, passed: passed) {
      try $0.comparison(of: packed, against: original, inputs.model)
    }
    let report = CacheEvaluationReport(
      cache: cache, base: against, model: model, data: text.data, sequence: sequence,
      kernels: inputs.kernels, statistics: ComparisonStatistics(tokens))
    return OperationResult(reports: [report])
  }

  /// Returns what is known about the caches, with the shape that the model gives them.
  private func hints(_ inputs: SequenceInputs) throws -> CacheHints {
    var settings = input
    settings.model = nil
    var hints = try settings.hints()
    hints.heads = hints.heads ?? inputs.model.keyValueHeadCount
    hints.headDim = hints.headDim ?? inputs.model.headDim
    hints.layers = hints.layers ?? inputs.model.layerCount
    hints.pairing = hints.pairing ?? inputs.model.llamaPairing
    return hints
  }

  /// Throws if the caches do not belong to the model or to each other.
  private func check(
    _ packed: KVCache, _ original: KVCache, _ inputs: SequenceInputs
  ) throws {
    var faults = inputs.model.faults(in: original) + inputs.model.faults(in: packed)
    if packed.tokenCount != original.tokenCount {
      faults.append(
        UsageError(
          "\(cache.printable) has \(packed.tokenCount.counted("token")), but \(against.printable) has "
            + "\(original.tokenCount.grouped)", hint: "compare caches of the same tokens"))
    }
    for cache in [original, packed] {
      if let fault = fault(in: cache, inputs.tokens) { faults.append(fault) }
    }
    try SeveralErrors.throwIfAny(faults)
  }

  /// Warns if a cache records that another model made it: by the id in its lineage, or by its name if there is no id.
  private func warnOfOtherModel(
    _ caches: [KVCache], _ inputs: SequenceInputs, _ context: OperationContext
  ) throws {
    let checkpoint = inputs.files.checkpoint
    let own = try context.identified([checkpoint])[0].identity.id
    let name = FileSystem.ownName(of: checkpoint.path)
    func form(_ id: String) -> Substring { id.prefix { $0 != ":" } }
    for cache in caches {
      let step = cache.origin.lineage.steps.last { $0.verb == CacheMakeOperation.verb }
      let recorded = step?.inputs.first
      let isOther: Bool
      let other: String
      if let recorded, form(recorded.id) == form(own) {
        (isOther, other) = (recorded.id != own, recorded.name)
      } else if let named = CacheDetails(cache)?.modelName {
        (isOther, other) = (Self.stem(named) != Self.stem(name), named)
      } else {
        continue
      }
      guard isOther else { continue }
      context.observer.report(
        .warning(
          "\(cache.origin.path.printable): the model \(other.printable) made the cache, which is not "
            + checkpoint.path.printable))
      return
    }
  }

  /// Returns a name without its suffixes: the same model may be stored in several formats.
  private static func stem(_ name: String) -> Substring { name.prefix { $0 != "." } }

  /// Returns an error if a cache is of other tokens than the text, as far as it has their ids.
  private func fault(in cache: KVCache, _ tokens: [Int32]) -> UsageError? {
    guard let ids = cache.tokenIDs else { return nil }
    let pairs = zip(ids.prefix(cache.tokenCount), tokens)
    guard let place = pairs.enumerated().first(where: { $1.0 != $1.1 }) else { return nil }
    return UsageError(
      "\(cache.origin.path.printable): token \(place.offset) in the cache is \(place.element.0), but that of "
        + "\(text.data.printable) is \(place.element.1)",
      hint:
        "give the text that the cache was made from; \(setting: "bos") always or never sets whether it starts "
        + "with the token for the beginning")
  }

  /// Returns the text from its beginning to the last token that is scored.
  private func sequence(
    _ packed: KVCache, _ original: KVCache, _ inputs: SequenceInputs
  ) throws -> CachedSequence {
    let count = original.tokenCount
    guard inputs.tokens.count >= count + 2 else {
      throw UsageError(
        "\(text.data.printable) has \(inputs.tokens.count.counted("token")), but the cache has "
          + "\(count.grouped), and at least 2 must follow to score one",
        hint: "give the text that the cache was made from, with what follows")
    }
    let recorded = [original, packed].lazy.compactMap { CacheDetails($0)?.context }.first
    return CachedSequence(
      tokens: Array(inputs.tokens.prefix(count + tokenLimit)), cachedCount: count,
      context: text.context ?? recorded)
  }
}
