import Base

/// The reason why a file could not be read or written.
public struct SumacError: Error, Sendable, CustomStringConvertible {
  /// The kind of an error, for code that handles errors.
  public enum Kind: Sendable, Hashable {
    /// The file is damaged or malformed, or needs a newer version.
    case badInput
    /// The operating system reported an error, such as a missing file, a missing permission or a full disk.
    case inputOutput
    /// The output already exists.
    case outputExists
    /// The request is invalid.
    case usage
  }

  public let kind: Kind
  /// The error code of the format's specification, such as `sumac.chunk-checksum`; nil for other errors.
  public let code: String?
  /// A message that says what was found and what was expected, with the names of file and tensor.
  public let description: String

  init(_ error: any Error) {
    code = (error as? FormatError)?.code.description
    guard let error = error as? any UserError else {
      (kind, description) = (.usage, "\(error)")
      return
    }
    kind =
      switch error.status {
      case .badInput: .badInput
      case .inputOutput: .inputOutput
      case .outputExists: .outputExists
      case .done, .comparisonFailed, .partOfBatchFailed, .usage, .bug, .hangup, .interrupted, .quit,
        .userSignal1, .userSignal2, .brokenPipe, .terminated, .fileSizeLimit:
        .usage
      }
    description = error.description + (error.hint.map { " (\($0))" } ?? "")
  }

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    code = nil
    self.description = description
  }

  /// Runs `body` and converts its errors to this type.
  static func wrapping<Result>(_ body: () throws -> Result) throws(SumacError) -> Result {
    do { return try body() } catch let error as SumacError { throw error } catch {
      throw SumacError(error)
    }
  }
}
