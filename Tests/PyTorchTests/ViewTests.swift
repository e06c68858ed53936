import Base
import Checkpoints
import PyTorch
import TensorCore
import TestSupport
import Testing

/// Views of storages: strides, offsets, byte order, signs and sparse tensors.
@Suite struct ViewTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(
    _ tensor: [UInt8], _ storages: [[UInt8]], byteOrder: String = "little"
  ) throws -> LazyTensor {
    let name = "\(Digest.sha256(tensor + Array(byteOrder.utf8))).pt"
    if !folder.exists(name) {
      try TorchArchive(pickle: Pickle.whole(tensor), storages: storages, byteOrder: byteOrder)
        .write(to: folder[name])
    }
    return try #require(PyTorchContainer.read(folder[name]).tensors.first)
  }

  /// Returns the words of a view, in the order of the tensor.
  private func gathered<T>(_ words: [T], offset: Int, size: [Int], strides: [Int]) -> [T] {
    (0..<size.reduce(1, *)).map { index in
      var (rest, place) = (index, offset)
      for (count, stride) in zip(size, strides).reversed() {
        place += rest % count * stride
        rest /= count
      }
      return words[place]
    }
  }

  /// Reads the tensor as chunks of the grid and compares them with the reference, and then in odd ranges.
  private func check<T: FixedWidthInteger>(
    _ tensor: LazyTensor, _ wanted: [T], _ random: inout SeededGenerator
  ) throws {
    let width = T.bitWidth / 8
    let bytes = wanted.flatMap { word in
      (0..<width).map { UInt8(truncatingIfNeeded: word >> T(8 * $0)) }
    }
    #expect(try tensor.bytes() == bytes)
    for _ in 0..<5 {
      let bounds = (0..<2).map { _ in Int.random(in: 0...wanted.count, using: &random) }.sorted()
      let count = bounds[1] - bounds[0]
      var values = ByteBuffer(byteCount: count * width)
      var scratch = ByteBuffer(
        byteCount: tensor.source.scratchByteCount(elementCount: count))
      var span = values.mutableBytes
      var room = scratch.mutableBytes
      try tensor.source.read(bounds[0]..<bounds[1], into: &span, scratch: &room)
      #expect(values.bytes.array() == Array(bytes[bounds[0] * width..<bounds[1] * width]))
    }
  }

  @Test("random views have the values of their storage", arguments: 0..<60)
  func views(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let rank = seed % 15 == 0 ? 4 : Int.random(in: 0...4, using: &random)
    var size = (0..<rank).map { _ in Int.random(in: 1...9, using: &random) }
    // A tensor of several blocks.
    if seed % 15 == 0 { size = [110, 1, 90, 13] }
    let strides = (0..<rank).map { _ in
      [0, 1, 2, 7, 40, 2000][Int.random(in: 0..<6, using: &random)]
    }
    let offset = Int.random(in: 0...20, using: &random)
    let count = offset + 1 + zip(size, strides).reduce(0) { $0 + ($1.0 - 1) * $1.1 }
    let words = (0..<count).map { _ in UInt16.random(in: 0...UInt16.max, using: &random) }
    let bytes = words.flatMap {
      [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)]
    }
    let tensor = Pickle.tensor(
      "ShortStorage", count: count, offset: offset, size: size, strides: strides)
    let wanted = gathered(words, offset: offset, size: size, strides: strides)
    try check(read(tensor, [bytes]), wanted, &random)
    try check(
      read(tensor, [bytes], byteOrder: "big"), wanted.map(\.byteSwapped), &random)
  }

  @Test("a transposed matrix that is larger than a block is read in runs")
  func transposed() throws {
    var random = SeededGenerator(seed: 5)
    let (rows, columns) = (750, 900)
    let words = (0..<rows * columns).map { _ in UInt32.random(in: 0...UInt32.max, using: &random) }
    let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    let tensor = Pickle.tensor(
      "IntStorage", count: words.count, size: [columns, rows], strides: [1, columns])
    try check(
      read(tensor, [bytes]),
      gathered(words, offset: 0, size: [columns, rows], strides: [1, columns]), &random)
  }

  @Test("damage outside of a view is found when the view is read")
  func checksum() throws {
    let words = (0..<64).map { UInt8($0) }
    let tensor = Pickle.tensor("ByteStorage", count: 64, size: [4], strides: [2])
    let path = folder["a.pt"]
    try TorchArchive(pickle: Pickle.whole(tensor), storages: [words]).write(to: path)
    var bytes = try folder.bytes("a.pt")
    let place = try #require(
      bytes.indices.first { bytes[$0...].starts(with: words) })
    bytes[place + 63] ^= 1
    try folder.write(bytes, to: "b.pt")
    let damaged = try #require(PyTorchContainer.read(folder["b.pt"]).tensors.first)
    let error = #expect(throws: FormatError.self) { try damaged.bytes() }
    #expect(error?.code.description == "zip.checksum")
  }

  @Test("conjugate and negative views change signs")
  func signs() throws {
    let values: [Float] = [1, 2, -3, 0, 5, -6]
    func marked(_ type: String, _ count: Int, _ marks: [(String, [UInt8])]) throws -> [Float] {
      try read(
        Pickle.tensor(
          type, count: count, size: [count], strides: [1], marks: Pickle.dict(marks)),
        [values.littleEndianBytes]
      ).bytes().floats
    }
    #expect(
      try marked("ComplexFloatStorage", 3, [("conj", Pickle.yes)]) == [1, -2, -3, 0, 5, 6])
    #expect(
      try marked("ComplexFloatStorage", 3, [("conj", Pickle.yes), ("neg", Pickle.yes)])
        == [-1, 2, 3, 0, -5, -6])
    #expect(try marked("FloatStorage", 6, [("neg", Pickle.yes)]) == values.map { -$0 })
    #expect(try marked("FloatStorage", 6, [("neg", Pickle.no)]) == values)
    #expect(throws: FormatError.self) {
      try marked("FloatStorage", 6, [("lazy", Pickle.yes)])
    }
    #expect(throws: FormatError.self) { try marked("IntStorage", 6, [("neg", Pickle.yes)]) }
  }

  @Test("a small storage is not expanded to a tensor of more than 1 GiB")
  func expansion() throws {
    func read(_ count: Int) throws -> LazyTensor {
      try self.read(
        Pickle.tensor("ByteStorage", count: 1, size: [count, 1024], strides: [0, 0]), [[7]])
    }
    #expect(try read(1 << 20).info.byteCount == 1 << 30)
    let error = #expect(throws: FormatError.self) { try read(1 << 20 + 1) }
    #expect(error?.code.description == "pytorch.expansion")
  }

  @Test(
    "types without plain values are refused by name",
    arguments: [
      ("QUInt8Storage", "torch.quint8", 1), ("ComplexDoubleStorage", "torch.complex128", 16),
    ])
  func dtypes(type: String, name: String, width: Int) throws {
    let error = #expect(throws: FormatError.self) {
      try read(
        Pickle.dict([("q", Pickle.tensor(type, count: 2, size: [2], strides: [1]))]),
        [Array(repeating: 0, count: 2 * width)])
    }
    #expect(error?.code.description == "pytorch.tensor-kind")
    #expect(error?.tensor == "q")
    #expect(error?.reason.contains(name) == true)
  }

  @Test(
    "quantized tensors, tensors without values and others are refused by name",
    arguments: [
      ("_rebuild_qtensor", "quantized"), ("_rebuild_meta_tensor_no_storage", "meta"),
      ("_rebuild_nested_tensor", "nested"), ("_rebuild_wrapper_subclass", "subclass"),
    ])
  func kinds(function: String, text: String) throws {
    let value = Pickle.dict([("q", Pickle.call("torch._utils", function, []))])
    let error = #expect(throws: FormatError.self) { try read(value, []) }
    #expect(error?.code.description == "pytorch.tensor-kind")
    #expect(error?.tensor == "q")
    #expect(error?.reason.contains(text) == true)
  }

  // MARK: Sparse tensors

  private func coordinates(_ indices: [Int64], _ size: [Int]) -> [UInt8] {
    Pickle.call(
      "torch._utils", "_rebuild_sparse_tensor",
      [
        Pickle.text("torch.sparse_coo"),
        Pickle.tuple([
          Pickle.tensor(
            "LongStorage", key: "0", count: 4, size: [2, 2], strides: [2, 1]),
          Pickle.tensor(key: "1", count: 2, size: [2], strides: [1]), Pickle.integers(size),
          Pickle.yes,
        ]),
      ])
  }

  private func sparse(_ indices: [Int64], _ size: [Int]) throws -> [Float] {
    let bytes = indices.flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> Int64(8 * $0)) }
    }
    let path = folder["\(indices)\(size).pt"]
    try TorchArchive(
      pickle: Pickle.whole(coordinates(indices, size)),
      storages: [bytes, ([5, 7] as [Float]).littleEndianBytes]
    ).write(to: path)
    return try #require(PyTorchContainer.read(path).tensors.first).bytes().floats
  }

  @Test("sparse tensors have zeros at other places")
  func sparseValues() throws {
    #expect(try sparse([0, 1, 2, 0], [2, 3]) == [0, 0, 5, 7, 0, 0])
    #expect(try sparse([1, 0, 0, 2], [2, 3]) == [0, 0, 7, 5, 0, 0])
  }

  @Test(
    "sparse tensors with places outside, or twice the same, are refused",
    arguments: [
      [0, 2, 0, 0], [0, 1, 0, 3], [-1, 0, 0, 0], [1, 1, 2, 2], [Int64.max, 0, 0, 0],
    ])
  func sparseOutside(indices: [Int64]) throws {
    let error = #expect(throws: FormatError.self) { try sparse(indices, [2, 3]) }
    #expect(error?.code.description == "pytorch.sparse")
  }
}
