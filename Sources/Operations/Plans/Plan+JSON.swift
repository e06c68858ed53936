import Base
import Checkpoints

extension Plan {
  /// The members of the head of a plan file.
  var json: JSONObject {
    [
      "schema": .string(Self.schema), "kind": .string(kind.rawValue), "verb": .string(verb),
      "versions": .object(
        JSONObject(versions.map { ($0.name, .string($0.value)) })),
      "folder": .string(folder), "operation": operation,
      "key": choice.key.map { .string($0) } ?? .null,
      "variant": choice.variant.map { .string($0) } ?? .null,
      "output": .string(output), "task_bytes": JSONValue(taskByteCount),
      "jobs": JSONValue(jobs), "memory_bytes": JSONValue(memoryByteCount),
      "inputs": .array(inputs.map { .object($0.json) }),
      "stages": .array(stages.map { .object($0.json) }),
    ]
  }

  /// A hash of everything that shapes the results of tasks: sixteen hexadecimal digits.
  ///
  /// The folder, threads and memory do not, so that a plan with others finds what is done.
  var digest: String {
    var plan = self
    (plan.folder, plan.jobs, plan.memoryByteCount) = ("", 1, 0)
    for index in plan.stages.indices { plan.stages[index].memoryByteCount = 0 }
    return XXH64.digits(of: Array(JSONValue.object(plan.json).serialized().utf8))
  }

  /// Returns the plan of the head of a plan file; nil if members are missing or contradict each other.
  static func plan(_ json: JSONValue) -> Plan? {
    func text(_ key: String) -> String? { json[key]?.asString }
    guard let kind = text("kind").flatMap(Kind.init), let verb = text("verb"),
      let versions = json["versions"]?.asObject, let folder = text("folder"),
      let operation = json["operation"], let output = text("output"),
      let taskByteCount = json["task_bytes"]?.asInt, taskByteCount > 0,
      let jobs = json["jobs"]?.asInt, jobs > 0, let memory = json["memory_bytes"]?.asInt,
      let inputs = json["inputs"]?.asArray, let stages = json["stages"]?.asArray
    else { return nil }
    let plan = Plan(
      kind: kind, verb: verb,
      versions: versions.compactMap { name, value in
        value.asString.map { Lineage.Option(name, $0) }
      }, folder: folder, operation: operation,
      choice: WeightsChoice(key: text("key"), variant: text("variant")), output: output,
      taskByteCount: taskByteCount, jobs: jobs, memoryByteCount: memory,
      inputs: inputs.compactMap(Input.init), stages: stages.compactMap(PlanStage.init))
    let isWhole =
      plan.versions.count == versions.count && plan.inputs.count == inputs.count
      && plan.stages.count == stages.count
    return isWhole ? plan : nil
  }
}

extension Plan.Input {
  fileprivate var json: JSONObject {
    [
      "path": .string(path), "bytes": JSONValue(byteCount), "id": .string(id),
      "stamp": .string(stamp),
    ]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let path = json["path"]?.asString, let byteCount = json["bytes"]?.asInt,
      let id = json["id"]?.asString, let stamp = json["stamp"]?.asString
    else { return nil }
    self.init(path: path, byteCount: byteCount, id: id, stamp: stamp)
  }
}

extension PlanStage {
  var json: JSONObject {
    [
      "name": .string(name), "tasks": JSONValue(taskCount),
      "after": .array(predecessors.map { .string($0) }),
      "read_bytes": JSONValue(readByteCount), "written_bytes": JSONValue(writtenByteCount),
      "memory_bytes": JSONValue(memoryByteCount),
    ]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let work = json["name"]?.asString.flatMap(Work.init(name:)),
      let count = json["tasks"]?.asInt, (0...PlanFile.maximumTaskCount).contains(count),
      let after = json["after"]?.asArray, let read = json["read_bytes"]?.asInt,
      let written = json["written_bytes"]?.asInt, let memory = json["memory_bytes"]?.asInt
    else { return nil }
    self.init(
      work: work, taskCount: count, predecessors: after.compactMap(\.asString),
      readByteCount: read, writtenByteCount: written, memoryByteCount: memory)
  }
}

extension PlanTask {
  /// The task as an array, which is a row of a plan file.
  var row: JSONValue {
    var row: [JSONValue] = [
      JSONValue(number), .string(stage), JSONValue(index), JSONValue(readByteCount),
      JSONValue(writtenByteCount), .string(subject),
    ]
    if let model { row += [.string(model.name), .string(model.stamp)] }
    return .array(row)
  }

  /// Creates the task of a row; nil if it is not one.
  init?(row: JSONValue) {
    guard let row = row.asArray, row.count == 6 || row.count == 8, let number = row[0].asInt,
      let stage = row[1].asString, let index = row[2].asInt, let read = row[3].asInt,
      let written = row[4].asInt, let subject = row[5].asString
    else { return nil }
    var model: Model?
    if row.count == 8 {
      guard let name = row[6].asString, let stamp = row[7].asString else { return nil }
      model = Model(name: name, stamp: stamp)
    }
    self.init(
      number: number, stage: stage, index: index, readByteCount: read, writtenByteCount: written,
      subject: subject, model: model)
  }
}
