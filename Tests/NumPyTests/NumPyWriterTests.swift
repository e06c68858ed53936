import Base
import Checkpoints
import Foundation
import NumPy
import TensorCore
import TestSupport
import Testing

/// Tests of the files that are written for NumPy.
@Suite struct NumPyWriterTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func tensor(
    _ name: String, _ dtype: DType, _ shape: [Int], seed: UInt64 = 1
  ) throws -> LazyTensor {
    let info = try TensorInfo(name: name, dtype: dtype, shape: Shape(shape))
    var random = SeededGenerator(seed: seed)
    let values = (0..<info.byteCount).map { _ in
      UInt8.random(in: 0...(dtype == .bool ? 1 : 255), using: &random)
    }
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: values),
      stored: StoredForm(file: "memory", byteOffset: 0, byteCount: info.byteCount, dtype: dtype))
  }

  private static func checkpoint(_ tensors: [LazyTensor]) -> Checkpoint {
    Checkpoint(
      path: "memory", container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  private static let dtypes: [DType] = [
    .bool, .u8, .i8, .i16, .u16, .f16, .i32, .u32, .f32, .c64, .f64, .i64, .u64,
  ]

  /// A checkpoint of all dtypes of NumPy, with shapes of each kind.
  private static func all() throws -> Checkpoint {
    let shapes = [[], [5], [2, 3], [0, 4], [3, 1, 2, 2], [700, 800]]
    return checkpoint(
      try dtypes.enumerated().map { index, dtype in
        try tensor(
          "layer.\(index)/вес \(dtype.name)", dtype, shapes[index % shapes.count],
          seed: UInt64(index))
      })
  }

  @discardableResult
  private func write(
    _ checkpoint: Checkpoint, _ container: any ContainerOutput.Type, to name: String,
    workers: Int = 2
  ) throws -> OutputPlan {
    let writer = try container.writer(checkpoint, options: WriterOptions())
    try writer.write(
      to: AtomicOutput(path: folder[name], replacesExisting: true), engine: .test(workers: workers))
    return writer.plan
  }

  @Test("an .npz file has the tensors that were written, in order, at multiples of 64 bytes")
  func archive() throws {
    let checkpoint = try Self.all()
    let plan = try write(checkpoint, NPZContainer.self, to: "a.npz")
    let read = try NPZContainer.read(folder["a.npz"])
    #expect(read.tensors.map(\.info) == checkpoint.tensors.map(\.info))
    for (tensor, wanted) in zip(read.tensors, checkpoint.tensors) {
      #expect(try tensor.bytes() == wanted.bytes())
      #expect(tensor.stored.byteOffset % 64 == 0)
    }
    #expect(plan.byteCount == (try folder.bytes("a.npz").count))
  }

  @Test("the bytes of an output do not depend on the number of workers")
  func deterministic() throws {
    let checkpoint = try Self.all()
    try write(checkpoint, NPZContainer.self, to: "a.npz", workers: 1)
    try write(checkpoint, NPZContainer.self, to: "b.npz", workers: 4)
    #expect(try folder.bytes("a.npz") == folder.bytes("b.npz"))
  }

  @Test("an .npy file has the tensor that was written", arguments: dtypes)
  func array(dtype: DType) throws {
    for shape in [[], [4], [2, 0], [3, 5], [600, 700]] {
      let tensor = try Self.tensor("a", dtype, shape)
      let plan = try write(Self.checkpoint([tensor]), NPYContainer.self, to: "a.npy")
      let read = try #require(try NPYContainer.read(folder["a.npy"]).tensors.first)
      #expect(read.info == tensor.info)
      #expect(try read.bytes() == tensor.bytes())
      #expect(plan.byteCount == (try folder.bytes("a.npy").count))
      // A file is copied from a file without decoding its values.
      try write(NPYContainer.read(folder["a.npy"]), NPYContainer.self, to: "b.npy")
      #expect(try folder.bytes("a.npy") == folder.bytes("b.npy"))
    }
  }

  @Test("an .npy file is written only for exactly one tensor", arguments: [0, 2, 3])
  func count(count: Int) throws {
    let checkpoint = Self.checkpoint(try (0..<count).map { try Self.tensor("\($0)", .f32, [2]) })
    let error = #expect(throws: UsageError.self) {
      try NPYContainer.writer(checkpoint, options: WriterOptions())
    }
    #expect(error?.message.contains("there are \(count)") == true)
  }

  @Test("dtypes that NumPy does not have are refused with the tensors and the option")
  func refused() throws {
    let all = try DType.allCases.map { try Self.tensor("t.\($0.name)", $0, [4, 4]) }
    let unknown = all.filter { !Self.dtypes.contains($0.info.dtype) }
    #expect(unknown.count == 9)
    for tensor in unknown {
      for container in [NPYContainer.self, NPZContainer.self] as [any ContainerOutput.Type] {
        let error = #expect(throws: UsageError.self) {
          try container.writer(Self.checkpoint([tensor]), options: WriterOptions())
        }
        #expect(error?.message.contains("'\(tensor.name)'") == true)
        let isConvertible = tensor.info.dtype == .bf16 || tensor.info.dtype.isF8
        #expect(error?.hint?.contains("dtype f32") == isConvertible)
      }
    }
  }

  @Test("what an output leaves out is noted")
  func notes() throws {
    var checkpoint = Self.checkpoint([
      try Self.tensor("a", .f32, [2]), try Self.tensor("b", .f32, [2]),
    ])
    checkpoint.tensors[1].aliasOf = "a"
    checkpoint.metadata = [Checkpoint.Metadatum(key: "format", value: "pt")]
    checkpoint.companions = [try Self.tensor("config.json", .u8, [3])]
    let options = WriterOptions(lineage: Lineage())
    let notes = try NPZContainer.writer(checkpoint, options: options).plan.notes
    for text in ["aliases", "metadata; left out: format", "lineage", "config.json"] {
      #expect(notes.count { $0.contains(text) } == 1, "\(text)")
    }
  }

  @Test("a name that leaves the archive is refused", arguments: ["../a", "/a", "a\\b", "a/../b"])
  func names(name: String) throws {
    let checkpoint = Self.checkpoint([try Self.tensor(name, .f32, [1])])
    #expect(throws: FormatError.self) {
      try NPZContainer.writer(checkpoint, options: WriterOptions())
    }
  }

  // MARK: NumPy

  private static let script = """
    import hashlib, sys, numpy
    for path in sys.argv[1:]:
        data = numpy.load(path, allow_pickle=False)
        for name, array in (data.items() if path.endswith("z") else [("", data)]):
            assert array.flags.c_contiguous and array.flags.aligned
            print(name, array.dtype.str, list(array.shape), hashlib.sha256(array.tobytes()).hexdigest(), sep="\\t")
    """

  @Test("NumPy reads the arrays that were written, with types, shapes and values")
  func numpy() throws {
    let checkpoint = try Self.all()
    try write(checkpoint, NPZContainer.self, to: "a.npz")
    let single = Self.checkpoint([try Self.tensor("x", .f32, [3, 2])])
    try write(single, NPYContainer.self, to: "x.npy")
    let run = try CommandRun.sumac(
      ["-c", Self.script, folder["a.npz"], folder["x.npy"]],
      environment: ["HOME": NSHomeDirectory()], program: Self.python)
    #expect(run.status == 0, "\(run.messages)")
    let types: [DType: String] = [
      .bool: "|b1", .u8: "|u1", .i8: "|i1", .i16: "<i2", .u16: "<u2", .f16: "<f2", .i32: "<i4",
      .u32: "<u4", .f32: "<f4", .c64: "<c8", .f64: "<f8", .i64: "<i8", .u64: "<u8",
    ]
    let wanted = try (checkpoint.tensors.map { ($0.name, $0) } + [("", single.tensors[0])]).map {
      name, tensor in
      let type = try #require(types[tensor.info.dtype])
      return "\(name)\t\(type)\t\(tensor.info.shape)\t\(Digest.sha256(try tensor.bytes()))"
    }
    #expect(run.output.split(separator: "\n").map(String.init) == wanted)
  }

  /// The first `python3` in `PATH`.
  private static let python: String = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
    return folders.map { "\($0)/python3" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
      ?? "/usr/bin/python3"
  }()
}
