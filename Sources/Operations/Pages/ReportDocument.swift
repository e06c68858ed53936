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
    let file = try InputFile(path: path)
    func fault(_ reason: Message, at byteOffset: Int? = nil) -> FormatError {
      FormatError(
        .reportDocument, reason, path: path, byteOffset: byteOffset,
        hint: "pass what the command printed with \(setting: "json")")
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

  /// Returns the value that the document describes.
  /// - Throws: ``FormatError`` if members are missing or of another type.
  func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    do { return try decoder.decode(type, from: Data(text)) } catch {
      throw FormatError(
        .reportDocument, "has missing or invalid members: \(String(describing: error).printable)",
        path: path, hint: "pass what the command printed with \(setting: "json")")
    }
  }
}

extension FormatError.Code {
  package static let reportDocument = FormatError.Code(
    "report.document",
    meaning: "A file that a report is to show is not a JSON document of the expected command.",
    remedy: "Run the command again with --json and keep what it prints in a file.")
}
