package import Base
import FoundationEssentials

/// A JSON document that a command of this program printed.
struct ReportDocument {
  let json: JSONValue
  private let path: String
  private let text: [UInt8]

  /// The maximum length of a document in bytes.
  private static let byteLimit = 256 << 20

  /// - Throws: ``FormatError`` if the file is not JSON or has another schema.
  init(_ path: String, schema: String) throws {
    guard !FileSystem.isDirectory(path) else {
      throw UsageError(
        "\(path.printable) is a folder, expected the file of a JSON document", hint: Self.usualHint)
    }
    let file = try InputFile(path: path)
    func fault(_ reason: Message, at byteOffset: Int? = nil) -> FormatError {
      FormatError(
        .reportDocument, reason, path: path, byteOffset: byteOffset, hint: Self.usualHint)
    }
    guard file.byteCount <= Self.byteLimit else {
      throw fault("has \(file.byteCount) bytes, expected at most \(Self.byteLimit)")
    }
    self.path = path
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    let value: JSONValue
    do { value = try JSONValue.parse(bytes.span) } catch {
      throw fault("is not JSON: \(error.reason)", at: error.byteOffset)
    }
    let found = value["schema"]?.asString
    guard found == schema else {
      throw fault("has the schema '\((found ?? "none").printable)', expected '\(schema)'")
    }
    (json, text) = (value, bytes)
  }

  private static let usualHint: Message = "pass what the command printed with \(setting: "json")"

  /// Returns an error about the document.
  func fault(_ reason: Message, tensor: String? = nil, hint: Message? = nil) -> FormatError {
    FormatError(
      .reportDocument, reason, path: path, tensor: tensor, hint: hint ?? Self.usualHint)
  }

  /// Returns the value that the document describes.
  /// - Throws: ``FormatError`` if members are missing or of another type.
  func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    do { return try decoder.decode(type, from: Data(text)) } catch {
      throw fault(Self.reason(error))
    }
  }

  /// Returns the reason of a decoding error as the rest of a sentence about the file.
  private static func reason(_ error: any Error) -> Message {
    let unknown: Message = "has invalid members"
    guard let error = error as? DecodingError else { return unknown }
    func place(_ path: [any CodingKey]) -> String {
      path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".").printable
    }
    switch error {
    case .keyNotFound(let key, let found):
      let member = found.codingPath + [key]
      return "has no member '\(place(member))'"
    case .valueNotFound(let type, let found):
      return "has null as the member '\(place(found.codingPath))', expected \(Self.kind(type))"
    case .typeMismatch(let type, let found):
      return
        "has another type of the member '\(place(found.codingPath))', expected \(Self.kind(type))"
    case .dataCorrupted(let found) where found.codingPath.isEmpty: return unknown
    case .dataCorrupted(let found):
      return "has an invalid value of the member '\(place(found.codingPath))'"
    @unknown default: return unknown
    }
  }

  /// Returns the words of JSON for a type.
  private static func kind(_ type: Any.Type) -> String {
    switch type {
    case is Int.Type: "an integer"
    case is Double.Type: "a number"
    case is String.Type: "a string"
    case is Bool.Type: "true or false"
    default: String(describing: type).hasPrefix("Array") ? "an array" : "an object"
    }
  }
}

extension FormatError.Code {
  package static let reportDocument = FormatError.Code(
    "report.document",
    meaning: "A file that a report is to show is not a JSON document of the expected command.",
    remedy: "Run the command again with --json and keep what it prints in a file.")
}
