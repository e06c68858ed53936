import Base
import Checkpoints
import TensorCore
import Zip

/// Turns the tensors of a pickle into lazy tensors, after comparing their geometry with their storages.
struct TensorResolver {
  private let heap: PickleHeap
  private let storages: [String: TorchStorageBytes]
  private let path: String
  private let fileName: String
  /// The names of the tensors that were made, by what they read.
  private var names: [TensorIdentity: String] = [:]
  /// The storages that one tensor contains from the first to the last byte.
  private let covered: Set<String>

  /// The properties that two tensors share if one is an alias of the other.
  private enum TensorIdentity: Hashable {
    case view(
      key: String, byteOffset: Int, dtype: String, size: [Int], strides: [Int], isConjugate: Bool,
      isNegative: Bool)
    case tensor(Int)
  }

  /// The memory of a sparse tensor and of tensors with the same values repeated, from which they are refused if the file
  /// holds little of it.
  private static let expansionByteCount = 1 << 30
  private static let expansionFactor = 1000

  /// - Parameters:
  ///   - tensors: The indexes of the tensors that are read.
  ///   - path: The path of the pickle, for messages.
  ///   - fileName: The name of the file, for reports.
  init(_ content: PyTorchContent, tensors: [Int], fileName: String) {
    heap = content.heap
    storages = content.storages
    path = content.picklePath
    self.fileName = fileName
    var covered: Set<String> = []
    for index in tensors {
      guard case .strided(let view) = heap.tensors[index].content else { continue }
      let storage = heap.storages[view.storage]
      if storage.view == nil, view.offset == 0,
        Self.isContiguous(heap.tensors[index].size, view.strides),
        let bytes = content.storages[storage.key], !bytes.isBigEndian,
        Self.byteCount(heap.tensors[index].size, view.dtype) == bytes.byteCount
      {
        covered.insert(storage.key)
      }
    }
    self.covered = covered
  }

  private static func byteCount(_ size: [Int], _ dtype: TorchDType) -> Int? {
    guard let shape = try? Shape(size), let width = dtype.byteCount else { return nil }
    let (bytes, overflow) = shape.elementCount.multipliedReportingOverflow(by: width)
    return overflow ? nil : bytes
  }

  /// True if the elements lie in the order of a tensor without gaps.
  private static func isContiguous(_ size: [Int], _ strides: [Int]) -> Bool {
    var expected = 1
    for (count, stride) in zip(size, strides).reversed() where count != 1 {
      guard stride == expected else { return false }
      let (next, overflow) = expected.multipliedReportingOverflow(by: count)
      guard !overflow else { return false }
      expected = next
    }
    return true
  }

  /// Returns the tensor with its name.
  mutating func tensor(named name: String, _ index: Int) throws -> LazyTensor {
    var tensor = try resolved(name, index)
    guard tensor.info.elementCount > 0 else { return tensor }
    let identity = identity(of: index)
    if let first = names[identity] {
      tensor.aliasOf = first
    } else {
      names[identity] = name
    }
    return tensor
  }

  private func identity(of index: Int) -> TensorIdentity {
    guard case .strided(let view) = heap.tensors[index].content,
      let width = view.dtype.byteCount
    else { return .tensor(index) }
    let storage = heap.storages[view.storage]
    let start = (storage.view?.lowerBound ?? 0) &+ view.offset
    return .view(
      key: storage.key, byteOffset: start &* width, dtype: view.dtype.name,
      size: heap.tensors[index].size, strides: view.strides, isConjugate: view.isConjugate,
      isNegative: view.isNegative)
  }

  func resolved(_ name: String, _ index: Int) throws -> LazyTensor {
    let tensor = heap.tensors[index]
    switch tensor.content {
    case .strided(let view): return try strided(name, tensor, view)
    case .coordinates, .compressed:
      return try SparseTensorReader(resolver: self, heap: heap).tensor(name, tensor)
    case .unreadable(let kind):
      throw error(
        .tensorKind, "is \(kind), which cannot be stored as plain values", name, tensor,
        hint:
          "convert it in PyTorch and save the file again, or leave it out by reading another part "
          + "with \(setting: "key")")
    }
  }

  func error(
    _ fault: PyTorchFault, _ reason: String, _ name: String, _ tensor: TorchTensor,
    hint: Message? = nil
  ) -> FormatError {
    FormatError(
      fault, reason, path: path, tensor: name, byteOffset: tensor.pickleOffset, hint: hint)
  }

  // MARK: Views of storages

  private func strided(
    _ name: String, _ tensor: TorchTensor, _ view: TorchView
  ) throws -> LazyTensor {
    let info = try info(name, tensor, view)
    let storage = heap.storages[view.storage]
    guard let bytes = storages[storage.key], let width = view.dtype.byteCount else {
      throw error(.record, "has no storage", name, tensor)
    }
    let byteOffset = try byteOffset(name, tensor, view, storage, bytes, width: width)
    let isContiguous = Self.isContiguous(tensor.size, view.strides)
    try checkExpansion(name, tensor, info, bytes.byteCount)
    let source: any TensorSource
    if info.elementCount == 0 {
      source = MemoryTensorSource(info: info, values: [])
    } else if isContiguous, !bytes.isBigEndian || width == 1 {
      source = contiguous(info, bytes, at: byteOffset, key: storage.key)
    } else {
      guard info.dtype.bitsPerElement >= 8 else {
        throw error(.tensorKind, "is a view of packed 4-bit values", name, tensor)
      }
      source = StridedTensorSource(
        info: info, storage: bytes, byteOffset: byteOffset, strides: view.strides)
    }
    let isPlain = isContiguous && !view.isConjugate && !view.isNegative && !bytes.isBigEndian
    return LazyTensor(
      info: info, source: try signed(source, name, tensor, view),
      stored: StoredForm(
        file: fileName, byteOffset: bytes.reportedOffset + byteOffset,
        byteCount: min(info.byteCount, bytes.byteCount - byteOffset), dtype: info.dtype,
        codec: isPlain ? "raw" : "view"))
  }

  private func info(
    _ name: String, _ tensor: TorchTensor, _ view: TorchView
  ) throws -> TensorInfo {
    guard let dtype = view.dtype.dtype else {
      throw error(
        .tensorKind, "has the dtype \(view.dtype.label), which cannot be stored", name, tensor,
        hint: "convert it to another dtype in PyTorch and save the file again")
    }
    var size = tensor.size
    if dtype == .f4 {
      // Two values in each element of PyTorch.
      guard let last = size.last, last >= 0, last < Shape.dimensionLimit else {
        throw error(.geometry, "has packed 4-bit values without a dimension", name, tensor)
      }
      size[size.count - 1] = 2 * last
    }
    do {
      return try TensorInfo(name: name, dtype: dtype, shape: Shape(size))
    } catch let problem as Shape.Problem {
      throw error(.geometry, "\(problem)", name, tensor)
    } catch {
      throw self.error(.geometry, "does not end on a byte", name, tensor)
    }
  }

  /// Returns the offset of the first value in the storage after checking that all values are inside of it.
  private func byteOffset(
    _ name: String, _ tensor: TorchTensor, _ view: TorchView, _ storage: TorchStorage,
    _ bytes: TorchStorageBytes, width: Int
  ) throws -> Int {
    let base = (storage.view?.lowerBound ?? 0) * (storage.type.byteCount ?? 1)
    let limit = storage.view.map { $0.count * (storage.type.byteCount ?? 1) } ?? bytes.byteCount
    guard view.offset >= 0, view.strides.allSatisfy({ $0 >= 0 }) else {
      throw error(.geometry, "has a negative stride or offset", name, tensor)
    }
    var last = view.offset
    var isTooLarge = false
    let isEmpty = tensor.size.contains(0)
    for (count, stride) in zip(tensor.size, view.strides) where count > 1 && !isEmpty {
      let (distance, first) = (count - 1).multipliedReportingOverflow(by: stride)
      let (sum, second) = last.addingReportingOverflow(distance)
      isTooLarge = isTooLarge || first || second
      last = sum
      if isTooLarge { break }
    }
    let (end, overflow) = last.addingReportingOverflow(isEmpty ? 0 : 1)
    guard !isTooLarge, !overflow, end <= limit / width else {
      throw error(
        .geometry,
        "has size \(tensor.size), strides \(view.strides) and offset \(view.offset), which lead outside of "
          + "its storage of \((limit / width).counted("element"))", name, tensor)
    }
    return base + view.offset * width
  }

  private func checkExpansion(
    _ name: String, _ tensor: TorchTensor, _ info: TensorInfo, _ storedByteCount: Int
  ) throws {
    guard info.byteCount > Self.expansionByteCount,
      info.byteCount / Self.expansionFactor > storedByteCount
    else { return }
    throw error(
      .expansion,
      "would have \(ByteSize(info.byteCount)) from only \(ByteSize(storedByteCount)) in the file",
      name, tensor)
  }

  func checkSparseExpansion(
    _ name: String, _ tensor: TorchTensor, _ info: TensorInfo, stored: Int
  ) throws {
    try checkExpansion(name, tensor, info, stored)
  }

  private func contiguous(
    _ info: TensorInfo, _ bytes: TorchStorageBytes, at byteOffset: Int, key: String
  ) -> any TensorSource {
    guard let checksum = bytes.checksum else {
      return FileTensorSource(
        file: bytes.file, info: info, byteOffset: bytes.byteOffset + byteOffset)
    }
    return ZipTensorSource(
      info: info, byteOffset: byteOffset, checksum: checksum,
      coversMember: covered.contains(key) && byteOffset == 0 && info.byteCount == bytes.byteCount)
  }

  private func signed(
    _ source: any TensorSource, _ name: String, _ tensor: TorchTensor, _ view: TorchView
  ) throws -> any TensorSource {
    guard view.isConjugate || view.isNegative, let dtype = view.dtype.dtype else { return source }
    guard
      let signed = SignedViewSource(
        source, dtype: dtype, isConjugate: view.isConjugate && dtype == .c64,
        isNegative: view.isNegative)
    else {
      throw error(
        .tensorKind, "is a conjugate or negative view of \(view.dtype.label)", name, tensor)
    }
    return signed
  }
}
