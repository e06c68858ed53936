package import Base

/// The faults of a file that NumPy writes.
package enum NumPyFault: String, CaseIterable, Sendable {
  case magic = "numpy.magic"
  case version = "numpy.version"
  case headerLength = "numpy.header-length"
  case header = "numpy.header"
  case key = "numpy.key"
  case descr = "numpy.descr"
  case object = "numpy.object"
  case dtype = "numpy.dtype"
  case order = "numpy.fortran-order"
  case shape = "numpy.shape"
  case byteCount = "numpy.byte-count"
  case member = "numpy.member"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }

  /// A sentence that describes the fault, for the catalogue of errors.
  private var meaning: String {
    switch self {
    case .magic: "The file does not start with the six bytes of an .npy file."
    case .version: "The version of the format is not 1.0, 2.0 or 3.0."
    case .headerLength: "The header is longer than the file, or than a header of numbers can be."
    case .header: "The header is not a dictionary of plain Python literals."
    case .key: "The header does not have exactly the keys descr, fortran_order and shape."
    case .descr: "The descr of the header is not a type that NumPy defines."
    case .object: "The array contains Python objects, which are pickled and could run code."
    case .dtype: "The type of the elements has no counterpart among the dtypes of tensors."
    case .order: "The fortran_order of the header is neither True nor False."
    case .shape: "The shape is not a tuple of whole numbers, or is too large."
    case .byteCount: "The bytes after the header are not those of the dtype and shape."
    case .member: "A member of the .npz file is not an .npy file."
    }
  }

  /// A sentence that describes what to do about it.
  private var remedy: String {
    switch self {
    case .headerLength, .byteCount:
      "The file is probably a download that was cut short: fetch it again and compare its size."
    case .object: "Save the array again with a dtype of numbers, in the program that wrote it."
    case .dtype:
      "Convert the array to numbers that NumPy and tensors share, such as float32, and save it again."
    case .member: "Write the file again with numpy.savez, or remove the other members."
    case .magic, .version, .header, .key, .descr, .order, .shape:
      "The file is damaged or was made by a faulty writer: fetch it or write it again."
    }
  }
}

extension FormatError {
  package init(
    _ fault: NumPyFault, _ reason: String, path: String, tensor: String? = nil,
    byteOffset: Int? = nil, hint: Message? = nil
  ) {
    self.init(
      fault.code, reason, path: path, tensor: tensor, byteOffset: byteOffset, hint: hint)
  }
}
