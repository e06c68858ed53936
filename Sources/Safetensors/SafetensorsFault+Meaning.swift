/// Descriptions of the faults of a safetensors file.
extension SafetensorsFault {
  /// A sentence that describes the fault, for the catalogue of errors.
  var meaning: String {
    switch self {
    case .tooShort: "The file has fewer bytes than the length of a header."
    case .headerTooLong: "The header is longer than the 100 MB that the format allows."
    case .headerPastEnd: "The header is longer than the file."
    case .headerStart: "The header does not start with an opening brace."
    case .json: "The header is not valid JSON."
    case .duplicateKey: "A key of the header is used twice."
    case .metadata: "The metadata are not an object of strings."
    case .entry: "The entry of a tensor is not an object."
    case .missingField: "The entry of a tensor lacks dtype, shape or data_offsets."
    case .dtype: "A dtype is not one that the format defines."
    case .shape: "A shape is not a list of whole numbers, or is too large."
    case .offsets: "The offsets of a tensor are not two numbers in order."
    case .byteCount: "The offsets of a tensor do not span the bytes of its dtype and shape."
    case .hole: "Bytes between two tensors belong to none."
    case .overlap: "Two tensors share bytes."
    case .pastEnd: "A tensor ends after the file."
    case .uncovered: "Bytes at the end of the file belong to no tensor."
    case .nameLength: "The name of a tensor is longer than 4096 bytes."
    }
  }

  /// A sentence that describes what to do about it.
  var remedy: String {
    switch self {
    case .tooShort, .headerPastEnd, .pastEnd:
      "The file is probably a download that was cut short: fetch it again and compare its size."
    case .nameLength: "Rename the tensor with the program that wrote the file."
    default: "The file is damaged or was made by a faulty writer: fetch it or write it again."
    }
  }
}
