package import Base

/// The faults of a tokenizer file, and of texts and ids that do not fit the tokenizer.
package enum TokenizerFault: String, CaseIterable, Sendable {
  case file = "tokenizer.file"
  case unsupported = "tokenizer.unsupported"
  case pattern = "tokenizer.pattern"
  case vocabulary = "tokenizer.vocabulary"
  case text = "tokenizer.text"
  case id = "tokenizer.id"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }

  /// A sentence that describes the fault, for the catalogue of errors.
  private var meaning: String {
    switch self {
    case .file: "The tokenizer file is not JSON, or a member is missing or has another form."
    case .unsupported: "The tokenizer has a component or an option that sumac does not know."
    case .pattern:
      "A regular expression of the tokenizer is invalid or uses a construct that is not known."
    case .vocabulary:
      "The tokens, ids, merges and added tokens of the tokenizer contradict each other."
    case .text: "A text cannot be tokenized: the vocabulary has no token for a part of it."
    case .id: "A token id does not belong to the vocabulary."
    }
  }

  /// A sentence that describes what to do about it.
  private var remedy: String {
    switch self {
    case .file, .vocabulary: "Fetch the tokenizer file again, or write it again with its library."
    case .unsupported, .pattern:
      "Tokenize the text with the library of the model, and pass the token ids instead of the text."
    case .text: "Use the tokenizer that the model was trained with."
    case .id: "Use the tokenizer that made the ids."
    }
  }
}

extension FormatError {
  init(
    _ fault: TokenizerFault, _ reason: String, path: String, byteOffset: Int? = nil
  ) {
    self.init(fault.code, reason, path: path, byteOffset: byteOffset)
  }
}
