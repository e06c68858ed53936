import BLAS
import Base
import Checkpoints
import InductionHeads
import SystemPackage

/// The result of a training of a sweep, which is stored in its folder.
///
/// The file is one line with a checksum. It states the digest of everything that shaped it and a checksum of the model, so
/// that a result counts only if both are as they should be.
struct SweepResult: Sendable, Equatable {
  /// See ``Sweep/digest(of:)``.
  var digest: String
  /// The checksum of the model.
  var model: String
  var parameterCount: Int
  var stepCount: Int
  /// The number of tokens that were predicted, with repeats.
  var tokens: Int
  /// The number of different ones.
  var distinctTokens: Int
  /// The mean number of times that a sequence of the subset occurred; 1 without a subset.
  var times: Double
  /// The mean loss of all training steps, each before its change, in nats.
  var trainingLoss: Double
  var testLoss: Double
  /// The loss of the subset after the training; nil without a subset.
  var subsetLoss: Double?
  var heads: HeadSummary

  static let schema = "sumac.repeats-member/1"
  static let name = "result.json"
  /// The largest file that is read.
  private static let maximumByteCount = 1 << 20

  // MARK: File

  /// Returns the result of a folder; nil if there is none for the digest, or if it or the model is damaged.
  static func read(_ folder: String, digest: String) throws -> SweepResult? {
    let path = folder + "/" + name
    guard try FileSystem.targetType(path) == .regular else { return nil }
    let file = try InputFile(path: path)
    guard file.byteCount <= maximumByteCount,
      let json = ChecksummedLine.value(
        of: Array(try file.bytes(at: 0, count: file.byteCount).dropLast())),
      let result = SweepResult(json), result.digest == digest,
      try FileSystem.targetType(modelPath(folder)) == .regular,
      try checksum(ofModelIn: folder) == result.model
    else { return nil }
    return result
  }

  func write(_ folder: String) throws {
    try ReportFile.write(
      ChecksummedLine.text(of: json) + "\n", to: folder + "/" + Self.name, replacesExisting: true)
  }

  static func modelPath(_ folder: String) -> String { folder + "/" + TrainRunOperation.modelName }

  /// Returns the checksum of the model of a folder.
  static func checksum(ofModelIn folder: String) throws -> String {
    let engine = Engine(workers: 1, cancellation: Cancellation(), progress: NoProgress())
    return try FileChecksum.text(of: modelPath(folder), from: 0, engine: engine)
  }
}

extension SweepResult {
  fileprivate var json: JSONObject {
    [
      "schema": .string(Self.schema), "digest": .string(digest), "model": .string(model),
      "parameters": JSONValue(parameterCount), "steps": JSONValue(stepCount),
      "tokens": JSONValue(tokens), "distinct_tokens": JSONValue(distinctTokens),
      "times": JSONValue(times), "train_loss": JSONValue(trainingLoss),
      "test_loss": JSONValue(testLoss), "subset_loss": subsetLoss.map { JSONValue($0) } ?? .null,
      "first_loss": JSONValue(heads.firstLoss), "induction_loss": JSONValue(heads.inductionLoss),
      "heads": .object(
        JSONObject(
          heads.measures.map { measure in
            (measure.name, .array([JSONValue(measure.highest), JSONValue(measure.mean)]))
          })),
    ]
  }

  fileprivate init?(_ json: JSONValue) {
    guard json["schema"]?.asString == Self.schema, let digest = json["digest"]?.asString,
      let model = json["model"]?.asString, let parameters = json["parameters"]?.asInt,
      let steps = json["steps"]?.asInt, let tokens = json["tokens"]?.asInt,
      let distinct = json["distinct_tokens"]?.asInt, let times = json["times"]?.asDouble,
      let training = json["train_loss"]?.asDouble, let test = json["test_loss"]?.asDouble,
      let first = json["first_loss"]?.asDouble, let induction = json["induction_loss"]?.asDouble,
      let measures = json["heads"]?.asObject
    else { return nil }
    self.init(
      digest: digest, model: model, parameterCount: parameters, stepCount: steps, tokens: tokens,
      distinctTokens: distinct, times: times, trainingLoss: training, testLoss: test,
      subsetLoss: json["subset_loss"]?.asDouble,
      heads: HeadSummary(
        measures: measures.compactMap { name, value in
          guard let numbers = value.asArray?.compactMap(\.asDouble), numbers.count == 2 else {
            return nil
          }
          return HeadSummary.Measure(name: name, highest: numbers[0], mean: numbers[1])
        }, firstLoss: first, inductionLoss: induction))
    guard heads.measures.map(\.name) == HeadSummary.names else { return nil }
  }
}
