package import Base

/// The faults of an ONNX file.
package enum ONNXFault: String, CaseIterable, Sendable {
  case protobuf = "onnx.protobuf"
  case model = "onnx.model"
  case name = "onnx.name"
  case dtype = "onnx.dtype"
  case shape = "onnx.shape"
  case data = "onnx.data"
  case value = "onnx.value"
  case external = "onnx.external"
  case checksum = "onnx.checksum"
  case sparse = "onnx.sparse"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }

  /// A sentence that describes the fault, for the catalogue of errors.
  private var meaning: String {
    switch self {
    case .protobuf: "The bytes are not a valid Protocol Buffers message of the model."
    case .model: "The file has no graph, or a part that must be unique appears twice."
    case .name: "An initializer has no name, a name that another one has, or one that is too long."
    case .dtype: "The data type of an initializer has no counterpart among the dtypes of tensors."
    case .shape: "The dimensions of an initializer are negative or too large."
    case .data: "The data of an initializer are not those of its data type and dimensions."
    case .value: "A value does not fit the data type of its initializer."
    case .external: "The data of an initializer are not where the file says that they are."
    case .checksum: "A file with external data does not have the SHA-1 that the model states."
    case .sparse: "The graph has sparse initializers, which are not read."
    }
  }

  /// A sentence that describes what to do about it.
  private var remedy: String {
    switch self {
    case .external, .checksum:
      "Put the files with external data into the folder of the model, or fetch them again."
    case .dtype, .sparse:
      "Convert the initializer with the program that wrote the model, such as to float or dense."
    case .protobuf, .model, .name, .shape, .data, .value:
      "The file is damaged or was made by a faulty writer: fetch it or write it again."
    }
  }
}

extension FormatError {
  package init(
    _ fault: ONNXFault, _ reason: String, path: String, tensor: String? = nil,
    byteOffset: Int? = nil, hint: Message? = nil
  ) {
    self.init(
      fault.code, reason, path: path, tensor: tensor, byteOffset: byteOffset, hint: hint)
  }
}
