package import Base

/// The faults of a PyTorch file.
package enum PyTorchFault: String, CaseIterable, Sendable {
  case notPyTorch = "pytorch.not-pytorch"
  case record = "pytorch.record"
  case version = "pytorch.version"
  case byteOrder = "pytorch.byte-order"
  case pickle = "pytorch.pickle"
  case opcode = "pytorch.opcode"
  case global = "pytorch.global"
  case arguments = "pytorch.arguments"
  case persistentID = "pytorch.persistent-id"
  case storage = "pytorch.storage"
  case geometry = "pytorch.geometry"
  case expansion = "pytorch.expansion"
  case tensorKind = "pytorch.tensor-kind"
  case sparse = "pytorch.sparse"
  case nesting = "pytorch.nesting"
  case name = "pytorch.name"
  case key = "pytorch.key"
  case noTensors = "pytorch.no-tensors"
  case trailing = "pytorch.trailing"
  case unwritable = "pytorch.unwritable"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }
}

extension FormatError {
  package init(
    _ fault: PyTorchFault, _ reason: String, path: String, tensor: String? = nil,
    byteOffset: Int? = nil, hint: Message? = nil
  ) {
    self.init(
      fault.code, reason, path: path, tensor: tensor, byteOffset: byteOffset, hint: hint)
  }
}

extension PyTorchFault {
  /// A sentence that describes the fault, for the catalogue of errors.
  var meaning: String {
    switch self {
    case .notPyTorch: "The file is neither an archive of torch.save nor one of its older files."
    case .record: "A member that every PyTorch archive has, or that a tensor needs, is missing."
    case .version: "The archive has a version that is not a number from 1 to 10."
    case .byteOrder: "The byte order of the archive is neither little nor big."
    case .pickle: "The pickle is cut short or malformed."
    case .opcode: "The pickle has an instruction that is unknown or that no tensor file needs."
    case .global: "The pickle names a function or class that could run code, or that is not known."
    case .arguments: "The pickle builds a tensor or value from arguments of the wrong kind."
    case .persistentID: "The pickle refers to an outside object that is not a storage of PyTorch."
    case .storage: "A storage does not have the number of bytes that the pickle states."
    case .geometry: "The size, strides or offset of a tensor lead outside of its storage."
    case .expansion: "A tensor repeats the values of a small storage more than a billion times."
    case .tensorKind: "A tensor has a type that cannot be stored as plain values."
    case .sparse: "A sparse tensor has indices outside of its shape, or too many of them."
    case .nesting: "The containers of the pickle are nested in each other too often."
    case .name: "Two tensors have the same name, or a name is longer than 4096 bytes."
    case .key: "The file has no value at the key that was asked for."
    case .noTensors: "The file holds no tensors."
    case .trailing: "Bytes at the end belong to nothing."
    case .unwritable: "A PyTorch file cannot hold a tensor of this dtype or shape."
    }
  }

  /// A sentence that describes what to do about it.
  var remedy: String {
    switch self {
    case .notPyTorch: "Check what the file is; only files of torch.save are read."
    case .global, .opcode, .persistentID:
      "Do not load the file with Python unless you trust its origin; save the state_dict of the model there."
    case .tensorKind:
      "Convert the tensor to a dense tensor of a plain dtype in PyTorch and save it again."
    case .expansion: "Save the tensor after calling contiguous(), or leave it out."
    case .sparse: "Save the tensor after calling to_dense()."
    case .nesting, .name, .key: "Choose the part to read with --key, such as --key state_dict."
    case .noTensors: "Save the state_dict of the model with torch.save."
    case .unwritable: "Write a safetensors or .sumac file, or convert the tensor to another dtype."
    default: "The file is damaged or was made by a faulty writer: fetch it or write it again."
    }
  }
}
