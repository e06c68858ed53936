import Base
import Checkpoints
import Operations
import Reporting
import Synchronization
import TensorCore
import TestSupport
import Testing

/// Conversions of a model in an archive, compared with those of its folder.
@Suite struct ArchiveConversionTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Keeps the phases of an operation.
  private final class Recorder: OperationObserver, Progress {
    private let found = Mutex([ProgressPhase]())

    var progress: any Progress { self }
    var phases: [ProgressPhase] { found.withLock { $0 } }

    func report(_ notice: OperationNotice) {}
    func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {
      found.withLock { $0.append(phase) }
    }
    func advance(byteCount: Int) {}
    func finish(tensor: TensorInfo) {}
    func end() {}
  }

  /// The memory for bytes that were decoded.
  enum Budget: CaseIterable, Sendable {
    /// All bytes are kept.
    case large
    /// None are kept, as for one of several models that are converted side by side.
    case part

    var memory: MemoryBudget {
      let all = MemoryBudget(limit: 2 << 30)
      return self == .large ? all : all.part(1 << 30, residentByteCount: 0)
    }
  }

  enum Output: String, CaseIterable, Sendable {
    case packed = "out.sumac"
    case file = "out.safetensors"
    case shards = "out"
    /// A cast with a loss, so that the header waits for it too.
    case cast = "cast.safetensors"
    /// A part of the tensors, so that the others are read for the id alone.
    case dropped = "dropped.sumac"

    func operation(_ input: String, _ folder: String) -> ConvertOperation {
      var operation = ConvertOperation(
        input: input, output: OutputSettings(path: folder + "/" + rawValue))
      switch self {
      case .packed, .file: break
      case .shards: operation.output.shardByteCount = 300_000
      case .cast:
        operation.dtype = .f16
      case .dropped: operation.drop = ["*.mlp.*"]
      }
      return operation
    }
  }

  /// The name of an archive, and whether its values are decoded.
  enum Format: String, CaseIterable, Sendable {
    case zstd = "base.tar.zst"
    case plain = "base.tar"
    case zip = "base.zip"
  }

  private func run(
    _ operation: some OutputOperation, _ memory: MemoryBudget
  ) throws -> (phases: [ProgressPhase], ids: [String]) {
    let recorder = Recorder()
    let result = try operation.run(
      OperationContext(
        jobs: 2, memory: memory, temporaryFolder: folder.path, observer: recorder))
    return (recorder.phases, result.written?.inputIDs ?? [])
  }

  /// Writes an archive of the model in `Fixtures`, with the name of its folder, which lineages contain.
  private func archive(_ format: Format) throws -> String {
    let path = folder[format.rawValue]
    _ = try run(
      PackOperation(folder: Fixtures.path("models/base"), output: OutputSettings(path: path)),
      Budget.large.memory)
    try folder.write(folder.bytes(format.rawValue), to: "archive/base")
    return folder["archive/base"]
  }

  /// The names of the files of an output with their contents.
  private func contents(_ name: String, in place: String) throws -> [String: [UInt8]] {
    guard FileSystem.isDirectory(folder[place + "/" + name]) else {
      return [name: try folder.bytes(place + "/" + name)]
    }
    return Dictionary(
      uniqueKeysWithValues: try folder.names(in: place + "/" + name).map {
        ($0, try folder.bytes(place + "/" + name + "/" + $0))
      })
  }

  @Test(
    "an archive converts to the bytes of its folder, with any budget",
    arguments: Format.allCases.flatMap { format in
      Output.allCases.flatMap { output in Budget.allCases.map { (format, output, $0) } }
    })
  func sameBytes(format: Format, output: Output, budget: Budget) throws {
    let archive = try archive(format)
    for place in ["from-folder", "from-archive"] {
      try FileSystem.createDirectory(folder[place])
    }
    let plain = try run(
      output.operation(Fixtures.path("models/base"), folder["from-folder"]), Budget.large.memory)
    let decoded = try run(
      output.operation(archive, folder["from-archive"]), budget.memory)
    let expected = try contents(output.rawValue, in: "from-folder")
    let found = try contents(output.rawValue, in: "from-archive")
    #expect(output == .shards ? expected.count > 8 : expected.count == 1)
    #expect(found == expected)
    #expect(decoded.ids == plain.ids && decoded.ids.allSatisfy { $0.hasPrefix("content:") })
    // The values of a compressed archive are not read for the id alone.
    #expect(plain.phases == [.identify, .write])
    #expect(decoded.phases == (format == .zstd ? [.write] : [.identify, .write]))
  }
}
