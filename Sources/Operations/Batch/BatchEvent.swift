import Base
import Checkpoints

/// A line of the journal of a batch.
enum BatchEvent: Sendable, Equatable {
  /// A command starts over or resumes; the events before a start over count only for the outputs that they wrote.
  case start(command: String, settings: String, startsOver: Bool)
  /// The work on a model is about to start.
  case plan(Plan)
  /// The work on a model is complete.
  case done(Done)
  case failed(Failure)

  /// The state before the work on a model.
  struct Plan: Sendable, Equatable {
    var output: String
    var input: String
    /// The stamp of the input and all other files that are read.
    var inputStamp: String
    var settings: String
    /// The stamp of what had the name of the output; nil if nothing had.
    var replaced: String?
  }

  /// The result of the work on a model.
  struct Done: Sendable, Equatable {
    var output: String
    var input: String
    var inputStamp: String
    /// The ids of the inputs, which cover their values; empty if they were not computed.
    var inputIDs: [String]
    var inputByteCount: Int
    var settings: String
    var outputStamp: String
    /// The id of the output, which covers at least its headers; nil for reports and caches.
    var outputID: String?
    var outputByteCount: Int
    /// ‖x − x̂‖ / ‖x‖ over all tensors with a loss; nil if there is none.
    var relativeError: Double?
    /// The mean divergence of the predictions from those of the input, of the last step that was evaluated; nil if none
    /// was.
    var divergence: Double?
    var seconds: Double
  }

  struct Failure: Sendable, Equatable {
    var output: String
    var input: String
    var code: String
    var message: String
    /// The stamp of the output, if a step wrote it before another one failed.
    var outputStamp: String?
    var seconds: Double
  }
}

// MARK: JSON

extension BatchEvent {
  static let schema = "sumac.batch-journal/1"

  var json: JSONObject {
    switch self {
    case .start(let command, let settings, let startsOver):
      [
        "event": "start", "schema": .string(Self.schema), "command": .string(command),
        "settings": .string(settings), "starts_over": .bool(startsOver),
      ]
    case .plan(let plan):
      [
        "event": "plan", "output": .string(plan.output), "input": .string(plan.input),
        "input_stamp": .string(plan.inputStamp), "settings": .string(plan.settings),
        "replaced": plan.replaced.map { .string($0) } ?? .null,
      ]
    case .done(let done): done.json
    case .failed(let failure):
      [
        "event": "failed", "output": .string(failure.output), "input": .string(failure.input),
        "code": .string(failure.code), "message": .string(failure.message),
        "output_stamp": failure.outputStamp.map { .string($0) } ?? .null,
        "seconds": JSONValue(failure.seconds),
      ]
    }
  }

  /// Creates the event that `json` describes; nil if it does not describe one.
  init?(_ json: JSONValue) {
    func text(_ key: String) -> String? { json[key]?.asString }
    switch text("event") {
    case "start":
      guard text("schema") == Self.schema, let command = text("command"),
        let settings = text("settings"), let startsOver = json["starts_over"]?.asBool
      else { return nil }
      self = .start(command: command, settings: settings, startsOver: startsOver)
    case "plan":
      guard let output = text("output"), let input = text("input"),
        let inputStamp = text("input_stamp"), let settings = text("settings")
      else { return nil }
      self = .plan(
        Plan(
          output: output, input: input, inputStamp: inputStamp, settings: settings,
          replaced: text("replaced")))
    case "done":
      guard let done = Done(json) else { return nil }
      self = .done(done)
    case "failed":
      guard let output = text("output"), let input = text("input"), let code = text("code"),
        let message = text("message"), let seconds = json["seconds"]?.asDouble
      else { return nil }
      self = .failed(
        Failure(
          output: output, input: input, code: code, message: message,
          outputStamp: text("output_stamp"), seconds: seconds))
    default: return nil
    }
  }
}

extension BatchEvent.Done {
  fileprivate var json: JSONObject {
    var json: JSONObject = [
      "event": "done", "output": .string(output), "input": .string(input),
      "input_stamp": .string(inputStamp),
      "input_ids": .array(inputIDs.map { .string($0) }),
      "input_bytes": JSONValue(inputByteCount), "settings": .string(settings),
      "output_stamp": .string(outputStamp), "output_id": outputID.map { .string($0) } ?? .null,
      "output_bytes": JSONValue(outputByteCount),
      "relative_error": relativeError.map { JSONValue($0) } ?? .null,
      "seconds": JSONValue(seconds),
    ]
    if let divergence { json["divergence"] = JSONValue(divergence) }
    return json
  }

  fileprivate init?(_ json: JSONValue) {
    func text(_ key: String) -> String? { json[key]?.asString }
    guard let output = text("output"), let input = text("input"),
      let inputStamp = text("input_stamp"), let ids = json["input_ids"]?.asArray,
      let inputByteCount = json["input_bytes"]?.asInt, let settings = text("settings"),
      let outputStamp = text("output_stamp"), let outputByteCount = json["output_bytes"]?.asInt,
      let seconds = json["seconds"]?.asDouble, inputByteCount >= 0, outputByteCount >= 0
    else { return nil }
    self.init(
      output: output, input: input, inputStamp: inputStamp, inputIDs: ids.compactMap(\.asString),
      inputByteCount: inputByteCount, settings: settings, outputStamp: outputStamp,
      outputID: text("output_id"), outputByteCount: outputByteCount,
      relativeError: json["relative_error"]?.asDouble,
      divergence: json["divergence"]?.asDouble, seconds: seconds)
  }
}

// MARK: Lines

extension BatchEvent {
  /// The event as one line of JSON with a checksum.
  var line: String { ChecksummedLine.text(of: json) }

  /// Creates the event of a line; nil if the line is damaged.
  init?(line: [UInt8]) {
    guard let json = ChecksummedLine.value(of: line) else { return nil }
    self.init(json)
  }
}
