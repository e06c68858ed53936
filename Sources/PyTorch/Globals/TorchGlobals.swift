/// The functions, classes and constants of PyTorch that ``GlobalPolicy`` admits.
enum TorchGlobals {
  private typealias Refusal = GlobalPolicy.Refusal

  static func role(module: String, name: String) throws(GlobalPolicy.Refusal) -> GlobalRole {
    if let rebuild = rebuilds[name], rebuildModules.contains(module) { return .rebuild(rebuild) }
    if name.hasPrefix("_rebuild_") || name.hasPrefix("rebuild_") {
      throw Refusal(reason: "is not a function of PyTorch that this version knows")
    }
    if module == "torch.jit._pickle" { return try scriptRole(name) }
    if let role = storageRole(module: module, name: name) { return role }
    if name.hasSuffix("Storage") {
      throw Refusal(reason: "is not a storage type that this version knows")
    }
    if module == "torch" {
      if let dtype = TorchDType(name: name) { return .dtype(dtype) }
      if name == "Size" { return .size }
      if name == "device" { return .record }
      if constants.contains(name) { return .constant }
    }
    if module == "torch.serialization", name == "_get_layout" { return .layout }
    if module == "torch.storage", name == "_load_from_bytes" {
      throw Refusal(reason: "loads another file from inside of this one, which is not read")
    }
    if functionModules.contains(module), !GlobalPolicy.isClassName(name),
      !GlobalPolicy.verbs.contains(name)
    {
      return .constant
    }
    guard GlobalPolicy.isClassName(name) else {
      throw Refusal(reason: "is a function of PyTorch that no tensor needs")
    }
    if refusedModules.contains(where: { module == $0 || module.hasPrefix($0 + ".") }) {
      throw Refusal(reason: "belongs to a part of PyTorch that loads or runs code")
    }
    if module == "torch", !classes.contains(name) {
      throw Refusal(reason: "is not a class of PyTorch that this version knows")
    }
    return .record
  }

  private static let rebuildModules: Set<String> = [
    "torch._utils", "torch._tensor", "torch.tensor",
  ]

  /// The functions that make tensors.
  private static let rebuilds: [String: TensorRebuild] = [
    "_rebuild_tensor": .v1, "_rebuild_tensor_v2": .v2, "_rebuild_tensor_v3": .v3,
    "_rebuild_parameter": .parameter, "_rebuild_parameter_with_state": .parameter,
    "_rebuild_parameter_v2": .parameter,
    "_rebuild_sparse_tensor": .sparse, "_rebuild_sparse_csr_tensor": .sparseCSR,
    "_rebuild_from_type": .fromType, "_rebuild_from_type_v2": .fromType,
    "_rebuild_qtensor": .unreadable("a quantized tensor"),
    "_rebuild_nested_tensor": .unreadable("a nested tensor"),
    "_rebuild_meta_tensor_no_storage": .unreadable("a tensor on the device 'meta', without values"),
    "_rebuild_wrapper_subclass": .unreadable("a tensor subclass without a storage of its own"),
    "_rebuild_device_tensor_from_numpy": .unreadable("a tensor stored as a NumPy array"),
    "_rebuild_device_tensor_from_cpu_tensor": .unreadable("a tensor of another device"),
    "_rebuild_xla_tensor": .unreadable("a tensor of an XLA device"),
    "_rebuild_mlc_tensor": .unreadable("a tensor of another device"),
  ]

  private static func storageRole(module: String, name: String) -> GlobalRole? {
    switch (module, name) {
    case ("torch", _), ("torch.cuda", _):
      if let type = StorageType(className: name) { return .storage(type) }
      return name == "UntypedStorage" || name == "_UntypedStorage" ? .storage(.untyped) : nil
    case ("torch.storage", "UntypedStorage"), ("torch.storage", "_UntypedStorage"):
      return .storage(.untyped)
    // A typed storage without its type occurs only as an object, never as the type of a storage.
    case ("torch.storage", "TypedStorage"), ("torch.storage", "_TypedStorage"): return .record
    default: return nil
    }
  }

  /// The functions with which TorchScript marks the types of lists.
  private static func scriptRole(_ name: String) throws(GlobalPolicy.Refusal) -> GlobalRole {
    switch name {
    case "build_intlist", "build_doublelist", "build_boollist", "build_tensorlist",
      "restore_type_tag":
      return .firstArgument
    default: throw Refusal(reason: "is not a function of TorchScript that this version knows")
    }
  }

  /// Values of the module `torch` that are not dtypes.
  private static let constants: Set<String> = [
    "strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "_mkldnn",
    "jagged", "contiguous_format", "preserve_format", "channels_last", "channels_last_3d",
    "per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric",
    "per_channel_affine_float_qparams",
  ]

  /// Classes of the module `torch` itself.
  private static let classes: Set<String> = [
    "Tensor", "Generator", "FloatTensor", "DoubleTensor", "HalfTensor", "BFloat16Tensor",
    "ByteTensor", "CharTensor", "ShortTensor", "IntTensor", "LongTensor", "BoolTensor",
  ]

  /// Modules of mathematical functions, which may be named as the activation of a layer but not called.
  private static let functionModules: Set<String> = [
    "torch.nn.functional", "torch._C._nn",
  ]

  /// Modules that load files, compile, or start processes.
  private static let refusedModules: [String] = [
    "torch.hub", "torch.serialization", "torch.package", "torch.multiprocessing", "torch.ops",
    "torch._ops", "torch._classes", "torch.jit", "torch.utils.cpp_extension",
    "torch.utils.model_zoo",
    "torch._inductor", "torch._dynamo", "torch.distributed.run", "torch.distributed.launch",
    "torch.distributed.elastic", "torch.distributed.rpc", "torch.testing", "torch.utils.bottleneck",
    "torch.utils.collect_env", "torch.utils.data.datapipes", "torch.fx", "torch._export",
    "torch.export", "torch.onnx", "torch.profiler", "torch.autograd.profiler", "torch._appdirs",
    "torch._sources", "torch._lobpcg", "torch.utils.show_pickle", "torch.utils.file_baton",
    "torch.compiler", "torch.distributed.checkpoint",
  ]
}
