package import Base

extension Lineage {
  /// The reason why a text is not a lineage.
  package struct Malformed: Error, CustomStringConvertible {
    package let description: String
  }

  package var document: JSONValue {
    var object: JSONObject = [
      "schema": .string(Self.schema), "steps": .array(steps.map { .object($0.json) }),
    ]
    if droppedStepCount > 0 { object["dropped"] = JSONValue(droppedStepCount) }
    return .object(object)
  }

  /// Creates a lineage from a document of `json()`; unknown keys are ignored.
  package init(json: String) throws {
    guard json.utf8.count <= Self.maximumByteCount else {
      throw Malformed(description: "it has \(json.utf8.count) bytes, the limit is 1 MiB")
    }
    let root = try JSONValue.parse(Array(json.utf8).rawSpan)
    guard root["schema"]?.asString == Self.schema else {
      throw Malformed(description: "its schema is not \(Self.schema)")
    }
    guard let steps = root["steps"]?.asArray else {
      throw Malformed(description: "it has no list of steps")
    }
    self.init()
    droppedStepCount = root["dropped"]?.asInt ?? 0
    for (index, step) in steps.enumerated() {
      guard let step = Step(json: step, index: index) else {
        throw Malformed(description: "step \(index) is malformed")
      }
      self.steps.append(step)
    }
  }
}

extension Lineage.Step {
  package var json: JSONObject {
    var object: JSONObject = [
      "verb": .string(verb), "options": Lineage.Option.json(options),
      "versions": Lineage.Option.json(versions),
      "inputs": .array(
        inputs.map { input in
          var object: JSONObject = [
            "name": .string(input.name), "id": .string(input.id),
            "bytes": JSONValue(input.byteCount),
          ]
          if let step = input.step { object["step"] = JSONValue(step) }
          return .object(object)
        }),
    ]
    if let loss { object["loss"] = .object(loss.json) }
    return object
  }

  fileprivate init?(json: JSONValue, index: Int) {
    guard let verb = json["verb"]?.asString, let inputs = json["inputs"]?.asArray,
      let options = Lineage.Option.list(json["options"]),
      let versions = Lineage.Option.list(json["versions"])
    else { return nil }
    self.init(verb: verb, options: options, versions: versions, inputs: [])
    for input in inputs {
      guard let name = input["name"]?.asString, let id = input["id"]?.asString,
        let byteCount = input["bytes"]?.asInt, byteCount >= 0
      else { return nil }
      let step = input["step"]?.asInt
      // A step can only use outputs of earlier steps.
      guard step.map({ (0..<index).contains($0) }) ?? true else { return nil }
      self.inputs.append(Lineage.Input(name: name, id: id, byteCount: byteCount, step: step))
    }
    loss = json["loss"].flatMap(ModelLoss.init)
  }
}

extension Lineage.Option {
  /// Returns an object; options that were given several times become a list.
  fileprivate static func json(_ options: [Lineage.Option]) -> JSONValue {
    var values: [UTF8Key: [JSONValue]] = [:]
    var names: [UTF8Key] = []
    for option in options {
      let name = UTF8Key(option.name)
      if values[name] == nil { names.append(name) }
      values[name, default: []].append(.string(option.value))
    }
    var object = JSONObject()
    for name in names {
      let list = values[name] ?? []
      object[name.text] = list.count == 1 ? list[0] : .array(list)
    }
    return .object(object)
  }

  fileprivate static func list(_ json: JSONValue?) -> [Lineage.Option]? {
    guard let object = json?.asObject else { return nil }
    var options: [Lineage.Option] = []
    for (name, value) in object {
      let values = value.asArray ?? [value]
      for value in values {
        guard let text = value.asString else { return nil }
        options.append(Lineage.Option(name, text))
      }
    }
    return options
  }
}
