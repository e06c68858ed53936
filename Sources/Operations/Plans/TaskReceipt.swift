import Base
import Checkpoints
import TensorCore

/// The proof that a task is done: what it found, and the files that it wrote.
struct TaskReceipt: Sendable, Equatable {
  static let schema = "sumac.receipt/1"

  /// A file that a task wrote.
  struct File: Sendable, Equatable {
    /// The path in the output folder.
    var path: String
    var byteCount: Int
    /// The length of the start that is written again later, and that the checksum does not cover.
    var lateByteCount = 0
    /// See ``FileChecksum``; nil for the files of an assembled output.
    var checksum: String?
  }

  /// The digest of the plan.
  var plan: String
  var stage: String
  /// The position among the tasks of the stage, from 1 on.
  var index: Int
  var files: [File] = []
  /// The findings of the task, which later stages read.
  var result: JSONValue = .null

  var text: String {
    ChecksummedLine.text(of: [
      "schema": .string(Self.schema), "plan": .string(plan), "stage": .string(stage),
      "index": JSONValue(index), "files": .array(files.map { .object($0.json) }),
      "result": result,
    ]) + "\n"
  }

  init(plan: String, stage: String, index: Int) {
    self.plan = plan
    self.stage = stage
    self.index = index
  }

  /// Creates the receipt of a text; nil if the text is damaged.
  init?(_ text: [UInt8]) {
    guard text.last == UInt8(ascii: "\n"),
      let json = ChecksummedLine.value(of: Array(text.dropLast())),
      json["schema"]?.asString == Self.schema, let plan = json["plan"]?.asString,
      let stage = json["stage"]?.asString, let index = json["index"]?.asInt,
      let files = json["files"]?.asArray, let result = json["result"]
    else { return nil }
    self.init(plan: plan, stage: stage, index: index)
    self.files = files.compactMap(File.init)
    self.result = result
    guard self.files.count == files.count else { return nil }
  }
}

extension TaskReceipt.File {
  fileprivate var json: JSONObject {
    [
      "path": .string(path), "bytes": JSONValue(byteCount),
      "late_bytes": JSONValue(lateByteCount), "xxh64": checksum.map { .string($0) } ?? .null,
    ]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let path = json["path"]?.asString, RelativePath.isSafe(path),
      let byteCount = json["bytes"]?.asInt, byteCount >= 0,
      let late = json["late_bytes"]?.asInt, (0...byteCount).contains(late)
    else { return nil }
    self.init(
      path: path, byteCount: byteCount, lateByteCount: late, checksum: json["xxh64"]?.asString)
  }
}

extension TensorLoss {
  /// The loss with the bits of its numbers, so that they are restored exactly.
  var exactJSON: JSONValue {
    func bits(_ value: Double) -> JSONValue { .string(String(value.bitPattern, radix: 16)) }
    return .array([
      .string(name), JSONValue(elementCount), bits(loss.squares), bits(loss.normSquares),
      bits(loss.largest), JSONValue(loss.infinities), JSONValue(loss.zeros),
    ])
  }

  init?(exactJSON json: JSONValue) {
    func value(_ json: JSONValue) -> Double? {
      json.asString.flatMap { UInt64($0, radix: 16) }.map(Double.init(bitPattern:))
    }
    guard let list = json.asArray, list.count == 7, let name = list[0].asString,
      let count = list[1].asInt, let squares = value(list[2]), let norm = value(list[3]),
      let largest = value(list[4]), let infinities = list[5].asInt, let zeros = list[6].asInt
    else { return nil }
    self.init(
      name: name, elementCount: count,
      loss: ValueLoss(
        squares: squares, normSquares: norm, largest: largest, infinities: infinities,
        zeros: zeros))
  }
}
