import Base
import Checkpoints
import Containers
import TensorCore
import TestSupport
import Testing

/// Containers are all in the registry, each under a name and suffix of its own.
@Suite struct ContainerRegistryTests {
  static let outputs = Containers.registry.outputs.map { $0.name.rawValue }

  /// Returns a model that a container can hold: in BF16, in F32 if it has no BF16, and of one tensor if it holds no more.
  private static func sample(for container: any ContainerOutput.Type) throws -> Checkpoint {
    let model = try Containers.read(Fixtures.path("models/base"))
    var single = try Cast(to: .f32).applied(to: model)
    single.tensors = [single.tensors[0]]
    single.tensors[0].info.name = "output"
    let samples = [model, try Cast(to: .f32).applied(to: model), single]
    return try #require(
      samples.first { (try? container.writer($0, options: WriterOptions())) != nil })
  }

  @Test("names and suffixes differ")
  func names() {
    let all = Containers.registry.all
    #expect(Set(all.map { $0.name }).count == all.count)
    let suffixes = all.compactMap { $0.suffix }
    #expect(Set(suffixes).count == suffixes.count)
  }

  @Test(
    "what a container writes is recognized by its content alone, and read back", arguments: outputs)
  func roundTrip(name: String) throws {
    let folder = try TemporaryFolder()
    let container = try #require(Containers.registry.output(named: name))
    let original = try Self.sample(for: container)
    let path = folder["output"]
    let job = try OutputJob(
      original, to: path, container: container, options: WriterOptions(), replacesExisting: false)
    #expect(job.plan.rows.count == original.tensors.count)
    try job.run(
      jobs: 2, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
    let input = try InputTree(path: path)
    #expect(container.recognition(of: input) == .content)
    let read = try Containers.read(path)
    #expect(read.container == container.name)
    let values = Dictionary(uniqueKeysWithValues: original.tensors.map { ($0.name, $0) })
    #expect(read.tensors.count == original.tensors.count)
    for tensor in read.tensors {
      let wanted = try #require(values[tensor.name])
      #expect(tensor.info == wanted.info)
      #expect(try tensor.bytes() == wanted.bytes())
    }
    if job.plan.isExact {
      #expect(try FileSystem.byteCount(ofTree: path) == job.plan.byteCount)
    }
  }

  @Test(
    "a container without terms refuses tensors that are to be stored with loss", arguments: outputs)
  func lossyStorage(name: String) throws {
    let folder = try TemporaryFolder()
    let container = try #require(Containers.registry.output(named: name))
    var checkpoint = try Self.sample(for: container)
    checkpoint.tensors[0].storage = .recipe(
      TermRecipe(dense: try StorageType("int4")), RowGeometry(checkpoint.tensors[0].info.shape))
    func job() throws -> OutputJob {
      try OutputJob(
        checkpoint, to: folder["output"], container: container, options: WriterOptions(),
        replacesExisting: false)
    }
    if container.holdsTerms {
      #expect(try job().plan.rows[0].to.contains("int4"))
    } else {
      let error = #expect(throws: UsageError.self) { try job() }
      #expect(error?.message.contains(checkpoint.tensors[0].name) == true)
    }
  }

  @Test("an existing output is kept", arguments: outputs)
  func existing(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3], to: "output")
    let container = try #require(Containers.registry.output(named: name))
    let original = try Self.sample(for: container)
    #expect(throws: OutputExistsError.self) {
      try OutputJob(
        original, to: folder["output"], container: container, options: WriterOptions(),
        replacesExisting: false)
    }
    #expect(try InputFile(path: folder["output"]).bytes(at: 0, count: 3) == [1, 2, 3])
  }
}
