package import Base

/// The faults of files with token ids or texts.
package enum TokenFault: String, CaseIterable, Sendable {
  case id = "tokens.id"
  case size = "tokens.size"
  case text = "tokens.text"
  case lines = "tokens.lines"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }

  /// A sentence that describes the fault, for the catalogue of errors.
  private var meaning: String {
    switch self {
    case .id: "A token id in a file is negative or not in the vocabulary."
    case .size: "The size of a file of token ids is not a multiple of the size of an id."
    case .text: "A text is not UTF-8, or too large to be tokenized at once."
    case .lines:
      "A line of a JSON lines file is not an object with the text in the expected member."
    }
  }

  /// A sentence that describes what to do about it.
  private var remedy: String {
    switch self {
    case .id: "Use the ids that the tokenizer of this model made."
    case .size: "Check the type of the ids that the file was written with."
    case .text: "Convert the text to UTF-8, or split it into documents of a JSON lines file."
    case .lines: "Write one JSON object in each line, with the text as a string."
    }
  }
}

extension FormatError {
  init(_ fault: TokenFault, _ reason: String, path: String, byteOffset: Int? = nil) {
    self.init(fault.code, reason, path: path, byteOffset: byteOffset)
  }
}
