import Base
import Checkpoints
import TensorCore

/// The pickle of a file that is written: an ordered dictionary of tensors, each a view of a storage.
struct PyTorchPickle {
  private var writer = PickleWriter()
  /// The numbers of stored values by what they are.
  private var stored: [String: Int] = [:]

  /// Returns the bytes of the pickle.
  /// - Parameter storages: The index of the storage of each tensor.
  static func bytes(
    _ tensors: [LazyTensor], storages: [Int], path: String
  ) throws(FormatError) -> [UInt8] {
    var pickle = PyTorchPickle()
    pickle.shared("OrderedDict") { $0.writeGlobal("collections", "OrderedDict") }
    pickle.writer.write(.emptyTuple)
    pickle.writer.write(.reduce)
    pickle.writer.write(.mark)
    for (tensor, storage) in zip(tensors, storages) {
      pickle.writer.write(tensor.name)
      try pickle.write(tensor, storage: storage, path: path)
    }
    pickle.writer.write(.setItems)
    pickle.writer.write(.stop)
    return pickle.writer.bytes
  }

  /// Writes a value that is used several times: the first time itself, then its number.
  private mutating func shared(_ name: String, _ write: (inout PickleWriter) -> Void) {
    if let number = stored[name] {
      writer.get(number)
    } else {
      write(&writer)
      stored[name] = writer.store()
    }
  }

  /// Writes `_rebuild_tensor_v2(storage, 0, size, strides, False, OrderedDict())`, or version 3 with a dtype for storages
  /// without a type.
  private mutating func write(
    _ tensor: LazyTensor, storage: Int, path: String
  ) throws(FormatError) {
    let (dtype, size) = try Self.form(of: tensor, path: path)
    let className = StorageType.className(of: dtype)
    let function = className == nil ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2"
    shared(function) { $0.writeGlobal("torch._utils", function) }
    writer.write(.mark)
    writer.write(.mark)
    shared("storage") { $0.write("storage") }
    shared(className ?? "UntypedStorage") { writer in
      if let className {
        writer.writeGlobal("torch", className)
      } else {
        writer.writeGlobal("torch.storage", "UntypedStorage")
      }
    }
    writer.write(String(storage))
    shared("cpu") { $0.write("cpu") }
    writer.write(className == nil ? tensor.info.byteCount : tensor.info.elementCount)
    writer.write(.tuple)
    writer.write(.binPersistentID)
    writer.write(0)
    writer.write(size)
    writer.write(Self.strides(of: size))
    writer.write(.newFalse)
    shared("OrderedDict") { $0.writeGlobal("collections", "OrderedDict") }
    writer.write(.emptyTuple)
    writer.write(.reduce)
    if className == nil { shared(dtype.label) { $0.writeGlobal("torch", dtype.name) } }
    writer.write(.tuple)
    writer.write(.reduce)
  }

  /// Returns the dtype and the size of a tensor in PyTorch.
  /// - Throws: ``FormatError`` if PyTorch has no such dtype.
  static func form(
    of tensor: LazyTensor, path: String
  ) throws(FormatError) -> (TorchDType, [Int]) {
    var size = tensor.info.shape.dimensions
    guard let dtype = TorchDType.writing(tensor.info.dtype) else {
      throw FormatError(
        .unwritable, "PyTorch has no dtype for \(tensor.info.dtype.name)", path: path,
        tensor: tensor.name, hint: "write a safetensors or .sumac file")
    }
    if tensor.info.dtype == .f4 {
      guard let last = size.last, last % 2 == 0 else {
        throw FormatError(
          .unwritable,
          "PyTorch holds F4 values in pairs, but the last dimension of \(tensor.info.shape) is odd",
          path: path, tensor: tensor.name, hint: "write a safetensors or .sumac file")
      }
      size[size.count - 1] = last / 2
    }
    return (dtype, size)
  }

  /// Returns the strides of a tensor without gaps, as PyTorch computes them.
  static func strides(of size: [Int]) -> [Int] {
    var strides: [Int] = []
    var next = 1
    for count in size.reversed() {
      strides.append(next)
      next *= max(1, count)
    }
    return strides.reversed()
  }
}
