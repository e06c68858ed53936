import Base
import Checkpoints
import Models
import Rotary
import RotaryScaling

/// Rescales a model's rotary frequencies for a longer context.
package struct RopeScaleOperation: OutputOperation {
  package static let verb = "rope scale"

  package var model: String
  package var output: OutputSettings
  package var settings: RopeScaleSettings
  /// The text on which the output is compared with the model; nil to compare nothing.
  package var evaluation: EvaluationSettings?

  package init(model: String, output: OutputSettings, settings: RopeScaleSettings) {
    self.model = model
    self.output = output
    self.settings = settings
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let model = try RopeModel(
      model, needsTensors: true, limit: context.catalogLimit(for: .output))
    let scaling = try RopeScaling(model, try settings.request())
    guard let checkpoint = model.checkpoint else {
      throw UsageError(
        "\(model.path.printable): has no tensors",
        hint: "pass \(setting: "config-only") to write only config.json")
    }
    for note in checkpoint.notes { context.observer.report(.warning(note)) }
    var request = OutputRequest(
      options: scaling.lineageOptions, inputs: [checkpoint], output: try scaling.scaled(),
      notes: scaling.notes.map(\.message))
    try request.evaluate(evaluation, against: checkpoint, output, context)
    return request
  }
}

/// Writes only the rescaled `config.json` of a model.
package struct RopeConfigOperation: Operation {
  package static let verb = "rope scale --config-only"

  package var model: String
  /// The path of a `.json` file, or of a folder for `config.json`.
  package var path: String
  package var replacesExisting = false
  package var settings: RopeScaleSettings

  package init(model: String, path: String, settings: RopeScaleSettings) {
    self.model = model
    self.path = path
    self.settings = settings
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let (scaling, text, planned) = try checked(context)
    var output = planned
    if !isFile { try output.checkExchange() }
    let group = OutputGroup()
    output.group = group
    if isFile {
      try output.writeFile { try $0.write(text.rawSpan, at: 0) }
    } else {
      try output.writeDirectory { folder in
        try folder.writeFile(ModelConfig.name) { try $0.write(text.rawSpan, at: 0) }
      }
    }
    do {
      try context.cancellation.check()
      for warning in try group.commit() { context.observer.report(.warning(warning)) }
    } catch {
      group.discard()
      throw error
    }
    context.observer.report(
      .note(
        "\(path.printable): \(scaling.after.typeName), \(scaling.maximumLength.grouped) positions"
      ))
    var result = OperationResult()
    var written = OutputReport(verb: Self.verb, path: path)
    written.byteCount = text.count
    written.inputPaths = [model]
    result.written = written
    return result
  }

  /// Returns the text that `run` writes.
  /// - Throws: The errors that `run` throws before its work starts.
  package func plannedText(_ context: OperationContext) throws -> [UInt8] {
    try checked(context).text
  }

  private var isFile: Bool { path.hasSuffix(".json") }

  /// Returns the files whose permissions the output gets. A `config.json` may be replaced by its own change.
  private func inputs(of model: RopeModel) throws -> [FileIdentity] {
    if let files = model.checkpoint?.files { return files }
    guard let config = try model.configPath.flatMap({ try FileIdentity.ifPresent($0) }),
      try config != FileIdentity.ifPresent(path)
    else { return [] }
    return [config]
  }

  private func checked(
    _ context: OperationContext
  ) throws -> (scaling: RopeScaling, text: [UInt8], output: AtomicOutput) {
    let model = try RopeModel(
      model, needsTensors: settings.method == .clex, limit: context.catalogLimit(for: .report))
    let scaling = try RopeScaling(model, try settings.request())
    for note in model.checkpoint?.notes ?? [] { context.observer.report(.warning(note)) }
    let text = try scaling.configText()
    let output = AtomicOutput(
      path: path, replacesExisting: replacesExisting, inputs: try inputs(of: model))
    try output.check(isDirectory: !isFile)
    for note in scaling.notes { context.observer.report(.warning(note.message)) }
    return (scaling, text, output)
  }
}
