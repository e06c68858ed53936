/// A tensor as the pickle describes it; nothing of it has been compared with its storage.
struct TorchTensor {
  enum Content {
    /// A view of a storage.
    case strided(TorchView)
    /// Values at coordinates; the numbers are indexes of tensors. `indices` has one row for each dimension.
    case coordinates(indices: Int, values: Int)
    /// Values of a matrix by compressed rows or columns.
    case compressed(starts: Int, indices: Int, values: Int, byRows: Bool)
    /// A tensor that cannot be read, with the kind of tensor.
    case unreadable(String)
  }

  var content: Content
  var size: [Int]
  /// The offset in the pickle, for messages.
  var pickleOffset: Int
}

/// The view of a storage that a tensor is. Offsets and strides count elements.
struct TorchView {
  /// The index of the storage.
  var storage: Int
  var dtype: TorchDType
  var offset: Int
  var strides: [Int]
  /// True if the imaginary parts are to be read with the other sign.
  var isConjugate = false
  /// True if the values are to be read with the other sign.
  var isNegative = false
}
