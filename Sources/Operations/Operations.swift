import Base
import FoundationEssentials

/// The registry of operations and their JSON encoding.
package enum Operations {
  /// All operations, one line each.
  package static let all: [any Operation.Type] = [
    ConvertOperation.self,
    ConvertSweepOperation.self,
    PruneOperation.self,
    PruneSurveyOperation.self,
    PruneRoundsOperation.self,
    PruneSweepOperation.self,
    MergeOperation.self,
    VectorExtractOperation.self,
    VectorApplyOperation.self,
    VectorAddOperation.self,
    VectorNegateOperation.self,
    VectorCompressOperation.self,
    VectorStatsOperation.self,
    RopeShowOperation.self,
    RopeScaleOperation.self,
    RopeConfigOperation.self,
    RopeFitOperation.self,
    CacheMakeOperation.self,
    CachePackOperation.self,
    CacheUnpackOperation.self,
    CacheAppendOperation.self,
    CacheConvertOperation.self,
    CacheInspectOperation.self,
    CacheEvalOperation.self,
    InspectOperation.self,
    ReportOperation.self,
    VerifyOperation.self,
    DiffOperation.self,
    EvalOperation.self,
    CalibrateOperation.self,
    TrainNewOperation.self,
    TrainRunOperation.self,
    SparclTrainOperation.self,
    SparclMaskOperation.self,
    SparclUpdateOperation.self,
    SparclGradmaskOperation.self,
    SparclBufferOperation.self,
    SparclForgetOperation.self,
    SparclDropOperation.self,
    SparclFlopsOperation.self,
    RepeatsHeadsOperation.self,
    RepeatsProbeOperation.self,
    RepeatsCompareOperation.self,
    RepeatsFitOperation.self,
    RepeatsSweepOperation.self,
    RepeatsScanOperation.self,
    RepeatsPredictOperation.self,
    RepeatsDedupOperation.self,
    RepeatsMixOperation.self,
    PackOperation.self,
    UnpackOperation.self,
    ExplainOperation.self,
    DoctorOperation.self,
    BatchOperation.self,
    PlanOperation.self,
    PlanShowOperation.self,
    EmitOperation.self,
    TaskOperation.self,
    TaskListOperation.self,
  ]

  package static let schema = "sumac.operation/1"

  private struct Envelope<Settings: Codable>: Codable {
    var schema: String
    var verb: String
    var settings: Settings
  }

  private struct Header: Decodable {
    var schema: String
    var verb: String
  }

  /// Returns the operation as a JSON document with schema, verb and settings, and sorted keys.
  package static func json(_ operation: some Operation) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let envelope = Envelope(
      schema: schema, verb: type(of: operation).verb, settings: operation)
    return Array(try encoder.encode(envelope))
  }

  /// Returns the operation that a JSON document describes.
  /// - Throws: ``UsageError`` if the document is not an operation of this version.
  package static func operation(json: [UInt8]) throws -> any Operation {
    let header: Header
    do { header = try JSONDecoder().decode(Header.self, from: Data(json)) } catch {
      throw UsageError("the document is not an operation: \(reason(error))")
    }
    guard header.schema == schema else {
      throw UsageError("the schema is '\(header.schema.printable)', expected '\(schema)'")
    }
    guard let type = all.first(where: { $0.verb == header.verb }) else {
      let verbs = all.map { $0.verb }
      throw UsageError(
        "unknown operation '\(header.verb.printable)'",
        hint: Nearest.name(header.verb, of: verbs).map { "did you mean '\($0)'?" })
    }
    return try decode(type, from: json)
  }

  private static func decode<O: Operation>(
    _ type: O.Type, from json: [UInt8]
  ) throws -> any Operation {
    do {
      return try JSONDecoder().decode(Envelope<O>.self, from: Data(json)).settings
    } catch {
      throw UsageError("invalid settings of '\(type.verb)': \(reason(error))")
    }
  }

  /// Returns the reason of a decoding error with the path of the setting.
  private static func reason(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    let context: DecodingError.Context
    let text: String
    switch error {
    case .typeMismatch(let type, let found): (context, text) = (found, "expected \(type)")
    case .valueNotFound(let type, let found):
      (context, text) = (found, "expected \(type), found null")
    case .keyNotFound(let key, let found):
      (context, text) = (found, "'\(key.stringValue)' is missing")
    case .dataCorrupted(let found): (context, text) = (found, found.debugDescription)
    @unknown default: return "\(error)"
    }
    let path = context.codingPath.dropFirst().map { $0.intValue.map(String.init) ?? $0.stringValue }
    return path.isEmpty ? text : "\(path.joined(separator: ".")): \(text)"
  }
}
