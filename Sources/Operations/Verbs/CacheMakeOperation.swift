import Base
package import Caches
import Checkpoints
import Evaluation
import Networks

/// Runs a model over the first tokens of a text and writes their keys and values.
package struct CacheMakeOperation: OutputOperation {
  package static let verb = "cache make"

  package var model: String
  package var text: SequenceSettings
  /// The number of tokens in the cache.
  package var length: Int
  package var output: OutputSettings
  package var layout = CacheLayoutSettings()
  /// llama.cpp: whether quantized heads are rotated.
  package var rotated = CacheHints.Choice.auto
  /// llama.cpp: the rotary pairs of keys; nil for those of the model's family.
  package var pairing: CacheHints.Pairing?

  package init(model: String, text: SequenceSettings, length: Int, output: OutputSettings) {
    self.model = model
    self.text = text
    self.length = length
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    guard length > 0 else {
      throw UsageError("\(setting: "length") is \(length), expected 1 or more")
    }
    let inputs = try SequenceInputs(model, text, context)
    guard length <= inputs.tokens.count else {
      throw UsageError(
        "\(text.data.printable) has \(inputs.tokens.count.counted("token")), fewer than "
          + "\(setting: "length") \(length)", hint: "give more text")
    }
    if let context = text.context, context < length {
      throw UsageError(
        "\(setting: "context") is \(context), expected \(setting: "length") \(length) or more: "
          + "each token has a position")
    }
    inputs.checkPositions(length)
    let sequence = CachedSequence(
      tokens: Array(inputs.tokens.prefix(length)), context: text.context)
    let computed = ComputedCache(of: inputs.model, tokenCount: length)
    var request = try layout.request(
      computed.cache(tokenIDs: sequence.tokens, origin: Self.origin(inputs.files.checkpoint)),
      output, hints: hints(inputs.model), details: details(inputs, sequence))
    request.options =
      text.lineageOptions + [Lineage.Option("length", "\(length)")] + request.options
    request.inputs = [inputs.files.checkpoint]
    request.survey = try Self.survey(computed, inputs, sequence)
    return request
  }

  /// A checkpoint without tensors that stands for a model.
  private static func origin(_ checkpoint: Checkpoint) -> Checkpoint {
    var origin = Checkpoint(
      path: checkpoint.path, container: .memory, tensors: [], identity: checkpoint.identity,
      files: checkpoint.files)
    origin.lineage = checkpoint.lineage
    return origin
  }

  private func hints(_ model: EvaluatedModel) -> CacheHints {
    var hints = CacheHints()
    hints.rotated = rotated
    hints.pairing = pairing ?? model.llamaPairing
    return hints
  }

  private func details(
    _ inputs: SequenceInputs, _ sequence: CachedSequence
  ) throws -> CacheDetails {
    var details = CacheDetails()
    details.describeModel(
      named: FileSystem.ownName(of: model),
      config: try inputs.files.configurationText().bytes)
    details.object[CacheDetails.contextKey] = JSONValue(sequence.context)
    return details
  }

  /// Returns the pass that computes all keys and values, before they are written in the order of the layout.
  private static func survey(
    _ computed: ComputedCache, _ inputs: SequenceInputs, _ sequence: CachedSequence
  ) throws -> OutputSurvey {
    let needed = try SequenceEvaluator.byteCount(
      computing: sequence, inputs.model, jobs: inputs.compute.jobs)
    // SAFETY: the survey runs after this function, at most once, and nothing else uses the model.
    nonisolated(unsafe) let run = inputs
    var survey = OutputSurvey(
      .evaluate, MemoryBudget.Demand(fixedByteCount: needed, workerByteCount: 0), byteCount: 0
    ) { _, _ in
      let passed = unsafe sequence.tokens.count * run.model.layerCount
      try unsafe run.run(sequence, needed: needed, passed: passed) {
        try unsafe $0.fill(computed, of: run.model)
      }
      return SurveyedOutput()
    }
    survey.makesValues = true
    return survey
  }
}
