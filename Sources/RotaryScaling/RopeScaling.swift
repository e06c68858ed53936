import Base
package import Checkpoints
import Models
package import Rotary

/// `rope scale`: a model whose configuration asks for a longer context, and its tensors as they are.
package struct RopeScaling: Sendable {
  package let model: RopeModel
  package let request: RopeRequest
  /// The settings of the layers that are rescaled, before and after.
  package let before: RopeSettings
  package let after: RopeSettings
  /// The kind of layers that is rescaled; nil for all.
  private let kind: String?
  /// The new `max_position_embeddings`.
  package let maximumLength: Int
  /// What should be known of it.
  package let notes: [RopeNote]

  /// - Throws: what is wrong with the request for this model.
  package init(_ model: RopeModel, _ request: RopeRequest) throws {
    self.model = model
    self.request = request
    // Layers that look at a near window need no more than they have.
    let scaled =
      model.layers.first { $0.kind == "full_attention" } ?? model.layers.first { $0.kind == nil }
    guard let (kind, settings) = scaled else {
      let kinds = model.layers.compactMap(\.kind).joined(separator: ", ")
      throw UsageError(
        "\(model.path.printable): has rotary parameters for \(kinds), and none for full_attention",
        hint: "edit config.json by hand: which of them see the whole context is not known")
    }
    self.kind = kind
    before = settings
    let plan: RopePlan
    do throws(RopeFault) {
      plan = try RopePlan(settings, request, hasKinds: model.layers.count > 1, config: model.config)
    } catch {
      throw UsageError("\(model.path.printable): \(error.message)", hint: error.hint)
    }
    after = plan.settings
    maximumLength = plan.maximumLength
    notes = plan.notes
    // What is written has to give the frequencies that were meant.
    _ = try model.frequencies(plan.settings, length: plan.maximumLength)
  }

  /// The text of the new configuration.
  package func configText() throws -> [UInt8] {
    var edit = JSONEdit(model.text)
    let path = model.config.path
    var isDone = true
    switch model.config.dialect {
    case .parameters:
      var values = after.values
      values["rope_theta"] = JSONValue(number: after.theta)
      let place = path + [RotaryConfig.parametersKey]
      isDone =
        kind.map { edit.set($0, .object(values), at: place) }
        ?? edit.set(RotaryConfig.parametersKey, .object(values), at: path)
    case .scaling:
      var values = after.values
      values["rope_theta"] = nil
      if before.values["type"] != nil, before.values["rope_type"] == nil,
        let type = values["rope_type"]
      {
        // The older name, where the model has that.
        values["rope_type"] = nil
        var renamed: JSONObject = ["type": type]
        for (key, value) in values { renamed[key] = value }
        values = renamed
      }
      let isDefault = after.typeName == DefaultRope.name
      isDone = edit.set(RotaryConfig.scalingKey, isDefault ? .null : .object(values), at: path)
      if after.theta != before.theta || request.method == .ntk {
        isDone = isDone && edit.set("rope_theta", JSONValue(number: after.theta), at: path)
      }
    }
    isDone = isDone && edit.set("max_position_embeddings", JSONValue(maximumLength), at: path)
    guard isDone else {
      throw FormatError(
        .ropeConfig, "config.json has no object where its rotary parameters belong",
        path: model.path)
    }
    return edit.text
  }

  /// Tensors that the new configuration has no use for.
  private var removed: [String] {
    guard request.method == .clex, before.clex?.isTrained == true,
      let checkpoint = model.checkpoint
    else { return [] }
    return checkpoint.tensors.map(\.name).filter { name in
      CLEXLayer.tensorNames.contains { name == $0 || name.hasSuffix("." + $0) }
    }
  }

  /// The model with its new configuration.
  package func scaled() throws -> Checkpoint {
    guard let checkpoint = model.checkpoint else {
      throw UsageError(
        "\(model.path.printable): has no tensors", hint: "pass \(setting: "config-only")")
    }
    let gone = Set(removed.map { UTF8Key($0) })
    var result = try checkpoint.replacingCompanion(ModelConfig.name, with: configText())
    result.tensors.removeAll { gone.contains(UTF8Key($0.name)) }
    result.lineage = Lineage()
    return result
  }

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

extension JSONValue {
  /// A number without a fraction as an integer, if it is one.
  init(number: Double) {
    if let whole = Int(exactly: number), abs(whole) < 1 << 53 {
      // A base stays a float, as configurations have it.
      self = JSONValue(Double(whole))
    } else {
      self = JSONValue(number)
    }
  }
}
