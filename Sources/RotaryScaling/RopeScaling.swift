import Base
package import Checkpoints
import Models
package import Rotary

/// The scaling of a model to a longer context: a new configuration, and unchanged tensors.
package struct RopeScaling: Sendable {
  package let model: RopeModel
  package let request: RopeRequest
  /// The settings of the layers that are rescaled, before the scaling.
  package let before: RopeSettings
  /// The settings of the layers that are rescaled, after the scaling.
  package let after: RopeSettings
  /// The kind of layers that is rescaled; nil for all.
  private let kind: String?
  /// The new `max_position_embeddings`.
  package let maximumLength: Int
  /// The facts that a user of the result should know.
  package let notes: [RopeNote]

  /// - Throws: ``UsageError`` if the request does not fit the model; ``FormatError`` if its configuration is invalid.
  package init(_ model: RopeModel, _ request: RopeRequest) throws {
    self.model = model
    self.request = request
    // Layers with a local window do not see the longer context and stay unscaled.
    let scaled =
      model.layers.first { $0.kind == "full_attention" } ?? model.layers.first { $0.kind == nil }
    guard let (kind, settings) = scaled else {
      let kinds = model.layers.compactMap(\.kind).joined(separator: ", ")
      throw UsageError(
        "\(model.path.printable): has rotary parameters for \(kinds), but none for full_attention",
        hint:
          "edit config.json by hand; it does not show which of these layers attend to the whole context"
      )
    }
    self.kind = kind
    before = settings
    // A scaling on top of settings that a runtime would refuse has no meaning. The parameters of CLEX are checked with
    // its layer.
    if settings.typeName != CLEXRope.name { _ = try model.frequencies(settings, length: nil) }
    let plan: RopePlan
    do throws(RopeFault) {
      plan = try RopePlan(settings, request, config: model.config)
    } catch {
      throw UsageError("\(model.path.printable): \(error.message)", hint: error.hint)
    }
    after = plan.settings
    maximumLength = plan.maximumLength
    notes = plan.notes
    // The written settings must have valid frequencies.
    _ = try model.frequencies(plan.settings, length: plan.maximumLength)
  }

  /// Returns the text of the new `config.json`. Everything else in it stays unchanged, byte for byte.
  package func configText() throws -> [UInt8] {
    var edit = JSONEdit(model.text)
    let path = model.config.path
    var isDone = true
    switch model.config.dialect {
    case .parameters:
      var values = named(after.values)
      values["rope_theta"] = JSONValue(after.theta)
      let parametersPath = path + [RotaryConfig.parametersKey]
      isDone =
        kind.map { edit.set($0, .object(values), at: parametersPath) }
        ?? edit.set(RotaryConfig.parametersKey, .object(values), at: path)
      if isDone, model.config.object[RotaryConfig.scalingKey]?.asObject != nil {
        // A copy of the same parameters under the older key.
        isDone = edit.set(RotaryConfig.scalingKey, .object(values), at: path)
      }
    case .scaling:
      var values = named(after.values)
      let hasOwnBase = before.values["rope_theta"] != nil
      if hasOwnBase { values["rope_theta"] = JSONValue(after.theta) }
      isDone = edit.set(
        RotaryConfig.scalingKey, values.isEmpty ? .null : .object(values), at: path)
      if !hasOwnBase, after.theta != before.theta || request.method == .ntk {
        let ratio = model.config.object["rope_ratio"]?.asDouble ?? 1
        let base = JSONValue(after.theta / ratio)
        isDone = isDone && edit.set(model.config.baseKey, base, at: path)
      }
    }
    let originalKey = "original_max_position_embeddings"
    if let original = after.values[originalKey], model.config.object[originalKey] != nil {
      isDone = isDone && edit.set(originalKey, original, at: path)
    }
    isDone = isDone && edit.set(model.config.lengthKey, JSONValue(maximumLength), at: path)
    guard isDone else {
      throw FormatError(
        .ropeConfig, "config.json has no object for the rotary parameters at the expected keys",
        path: model.path)
    }
    return edit.text
  }

  /// Returns the parameters with the new type, under the keys that the model uses.
  private func named(_ values: JSONObject) -> JSONObject {
    guard after.typeName != before.typeName else { return values }
    var result = JSONObject()
    if after.typeName != DefaultRope.name || model.config.dialect == .parameters || !values.isEmpty
    {
      let used = ["rope_type", "type"].filter { before.values[$0] != nil }
      for key in used.isEmpty ? ["rope_type"] : used { result[key] = .string(after.typeName) }
    }
    for (key, value) in values { result[key] = value }
    return result
  }

  /// The names of the tensors that the new configuration does not use.
  private var removed: [String] {
    guard request.method == .clex, before.clex?.isTrained == true,
      let checkpoint = model.checkpoint
    else { return [] }
    return checkpoint.tensors.map(\.name).filter { name in
      CLEXLayer.tensorNames.contains { name == $0 || name.hasSuffix("." + $0) }
    }
  }

  /// Returns the model with its new configuration and without unused tensors.
  package func scaled() throws -> Checkpoint {
    guard let checkpoint = model.checkpoint else {
      throw UsageError(
        "\(model.path.printable): has no tensors",
        hint: "pass \(setting: "config-only") to write the configuration alone")
    }
    let gone = Set(removed.map { UTF8Key($0) })
    var result = try checkpoint.replacingCompanion(ModelConfig.name, with: configText())
    result.tensors.removeAll { gone.contains(UTF8Key($0.name)) }
    result.lineage = Lineage()
    return result
  }

  /// The options that the lineage of the output records.
  package var lineageOptions: [Lineage.Option] {
    var options = [Lineage.Option("method", request.method.rawValue)]
    switch request.target {
    case .factor(let factor): options.append(Lineage.Option("factor", String(factor)))
    case .context(let length): options.append(Lineage.Option("context", String(length)))
    case .time(let time): options.append(Lineage.Option("time", String(time)))
    }
    for (key, value) in request.parameters {
      options.append(Lineage.Option(key.replacing("_", with: "-"), String(value)))
    }
    if request.isShortExact { options.append(Lineage.Option("short-exact", "true")) }
    if request.isExact { options.append(Lineage.Option("exact", "true")) }
    if request.approximatesLogScale {
      options.append(Lineage.Option("log-scale", "approximate"))
    }
    for note in notes { options.append(Lineage.Option("note", note.code)) }
    return options
  }
}
