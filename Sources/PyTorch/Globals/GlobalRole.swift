/// The meaning of a function or class that a pickle names. Nothing is ever called.
enum GlobalRole: Equatable {
  /// A dictionary type, such as `collections.OrderedDict`.
  case dictionary
  /// A list, tuple or set type; its one argument is taken in its place.
  case sequence
  /// `torch.Size`, whose one argument is a tuple of sizes.
  case size
  /// `_codecs.encode`, with which protocol 2 stores bytes as a string.
  case encodedBytes
  /// `copyreg._reconstructor`, whose first argument is a class.
  case reconstructor
  /// A function of PyTorch that makes a tensor.
  case rebuild(TensorRebuild)
  /// `torch.serialization._get_layout`, whose argument is the name of a layout.
  case layout
  /// A function that returns its first argument, such as `torch.jit._pickle.build_intlist`.
  case firstArgument
  /// The type of a storage.
  case storage(StorageType)
  case dtype(TorchDType)
  /// A class that becomes a record.
  case record
  /// A value or function that may be named but not called.
  case constant
}

/// A function of PyTorch that makes a tensor from a storage or another tensor.
enum TensorRebuild: Equatable {
  case v1, v2, v3
  /// `_rebuild_parameter` and `_rebuild_parameter_with_state`, whose first argument is the tensor.
  case parameter
  case sparse, sparseCSR
  /// `_rebuild_from_type` and `_rebuild_from_type_v2`, which apply another of these functions.
  case fromType
  /// A known function whose tensors have no dense form that can be read, with the kind of tensor.
  case unreadable(String)
}
