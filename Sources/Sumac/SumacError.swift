import Base

/// Why a file could not be read or written.
public struct SumacError: Error, Sendable, CustomStringConvertible {
  /// What to branch on.
  public enum Kind: Sendable, Hashable {
    /// The file is damaged, malformed, or needs a newer version.
    case badInput
    /// The system refused: missing, no permission, no space.
    case inputOutput
    /// The output is there already.
    case outputExists
    /// What was asked for makes no sense.
    case usage
  }

  public let kind: Kind
  /// The code of the format's specification, such as `sumac.chunk-checksum`; nil for other kinds.
  public let code: String?
  /// What was found and what was expected, with the names of file and tensor.
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
      case .done, .comparisonFailed, .partOfBatchFailed, .usage, .bug, .interrupted, .terminated:
        .usage
      }
    description = error.description + (error.hint.map { " (\($0))" } ?? "")
  }

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    code = nil
    self.description = description
  }

  /// Runs `body` and makes its errors errors of this type.
  static func wrapping<Result>(_ body: () throws -> Result) throws(SumacError) -> Result {
    do { return try body() } catch let error as SumacError { throw error } catch {
      throw SumacError(error)
    }
  }
}
