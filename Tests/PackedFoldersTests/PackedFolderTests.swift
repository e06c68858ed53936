import Base
import Checkpoints
import Containers
import ModelDirectories
import PackedFolders
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// Folders of `.sumac` shards hold what a single file holds.
@Suite struct PackedFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "a single file made of shards has the bytes of one that was made at once",
    arguments: [nil, "int4:g64", "int8", "dense:int4:g64+lowrank:4+sparse:1%"],
    [120_000, 300_000, 5_000_000])
  func singleFile(terms: String?, limit: Int) throws {
    let model = try Checkpoint.base.stored(terms)
    let options = WriterOptions(hasContentIDs: true)
    let direct = try folder.write(model, to: "direct.sumac", PackedContainer.self, options: options)
    let shards = try folder.writeShards(model, upTo: limit, options: options)
    _ = try folder.write(shards, to: "again.sumac", PackedContainer.self, options: options)
    #expect(try folder.bytes("again.sumac") == folder.bytes("direct.sumac"))
    #expect(shards.tensors.map(\.record) == direct.tensors.map(\.record))
    #expect(try shards.contents() == direct.contents())
  }

  @Test("every shard is a file of its own within the size, and the files beside it are plain")
  func shards() throws {
    let model = try Checkpoint.base
    let read = try folder.writeShards(model)
    let names = try folder.shards()
    #expect(names.count > 4)
    #expect(
      try folder.names(in: "shards")
        == (names + model.companions.map(\.name) + ["model.sumac.index.json"]).sorted())
    var found: [String] = []
    for name in names {
      let shard = try Containers.read(folder["shards/" + name])
      #expect(shard.container == .sumac && shard.companions.isEmpty)
      #expect(shard.tensors.count == 1 || shard.fileByteCount <= 300_000)
      found += try shard.contents()
    }
    #expect(found == (try model.contents()))
    #expect(read.container == .sumacShards && read.hasChecksums)
    #expect(try read.companions.map { try $0.bytes() } == model.companions.map { try $0.bytes() })
  }

  @Test("the bytes do not depend on the number of threads")
  func threads() throws {
    let model = try Checkpoint.base.stored("int4:g64")
    for (name, workers) in [("one", 1), ("four", 4)] {
      try folder.writeShards(model, to: name, workers: workers)
    }
    for name in try folder.names(in: "one") {
      let (one, four) = (try folder.bytes("one/" + name), try folder.bytes("four/" + name))
      #expect(one == four, "\(name)")
    }
  }

  @Test("the plan is an upper bound for every file")
  func plan() throws {
    let job = try OutputJob(
      .base, to: folder["shards"], container: PackedFolderContainer.self,
      options: WriterOptions(shardByteCount: 300_000), replacesExisting: false)
    try job.run(
      jobs: 2, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
    #expect(try FileSystem.byteCount(ofTree: folder["shards"]) <= job.plan.byteCount)
    let parts = try #require(job.writer.partition).parts
    #expect(try parts.map(\.file) == folder.shards())
    for part in parts {
      let byteCount = try FileSystem.byteCount(ofTree: folder["shards/" + part.file])
      #expect(byteCount <= part.byteCount)
    }
    let estimate = try #require(try job.writer.estimatedByteCount())
    #expect(estimate <= job.plan.byteCount && estimate > job.plan.byteCount / 2)
  }

  @Test("an alias is in the shard of its tensor, and the order of the catalog stays")
  func aliases() throws {
    let model = try Checkpoint.random(
      ["embed": [64, 64], "a": [64, 64], "b": [64, 64], "head": [64, 64], "c": [8]],
      aliases: ["head": "embed"])
    let read = try folder.writeShards(model, upTo: 20_000)
    #expect(try folder.shards().count == 3)
    #expect(try read.contents() == model.contents())
    let first = try Containers.read(folder["shards/model-00001-of-00003.sumac"])
    #expect(first.tensors.map(\.name) == ["embed", "head"])
    #expect(read.tensors[3].stored.file == "model-00001-of-00003.sumac")
    let options = WriterOptions(keepsAliases: false)
    let dropped = try folder.writeShards(model, to: "dropped", upTo: 20_000, options: options)
    #expect(dropped.tensors.map(\.name) == ["embed", "a", "b", "c"])
  }

  @Test("the lineage is in the index once, with the losses of all shards")
  func lineage() throws {
    let lineage = Lineage(verb: "convert", options: [], versions: [], inputs: [try .base])
    let read = try folder.writeShards(
      .base.stored("int4:g64"), options: WriterOptions(lineage: lineage))
    let step = try #require(read.lineage.steps.last)
    #expect(step.verb == "convert" && step.inputs == lineage.steps[0].inputs)
    let matrices = try Checkpoint.base.tensors.count { $0.info.shape.dimensions.count == 2 }
    #expect(try #require(step.loss).tensorCount == matrices)
    let single = try folder.write(
      .base.stored("int4:g64"), to: "single.sumac", PackedContainer.self,
      options: WriterOptions(lineage: lineage))
    #expect(single.lineage == read.lineage)
    for name in try folder.shards() {
      let shard = try Containers.read(folder["shards/" + name])
      #expect(shard.lineage.steps.isEmpty)
    }
  }

  @Test("the id covers values and the files beside them")
  func identity() throws {
    let model = try Checkpoint.base
    let first = try folder.writeShards(model, to: "first").contentIdentity(engine: .test())
    #expect(first.coverage == .content)
    let read = try Containers.read(folder["first"])
    #expect(read.unidentifiedByteCount == model.companions.reduce(0) { $0 + $1.info.byteCount })
    #expect(try read.contentIdentity(engine: .test()) == first)
    try folder.write(Array("{}".utf8), to: "first/config.json")
    #expect(try Containers.read(folder["first"]).contentIdentity(engine: .test()) != first)
    var changed = model
    changed.tensors[3] = try .random(
      model.tensors[3].name, model.tensors[3].info.shape.dimensions, seed: 1)
    #expect(
      try folder.writeShards(changed, to: "second").contentIdentity(engine: .test()) != first)
  }

  @Test("a damaged value is found", arguments: [false, true])
  func damage(isSealed: Bool) throws {
    let read = try folder.writeShards(.base, options: WriterOptions(isSealed: isSealed))
    #expect(try read.checkingSeals().contents() == Checkpoint.base.contents())
    let name = "shards/" + (try folder.shards()[2])
    var bytes = try folder.bytes(name)
    bytes[100] ^= 1
    try folder.write(bytes, to: name)
    let damaged = try Containers.read(folder["shards"]).checkingSeals()
    let error = #expect(throws: FormatError.self) { try damaged.contents() }
    #expect(
      error?.code == (isSealed ? PackedFault.chunkSeal : PackedFault.chunkChecksum).code)
    #expect(error?.path.hasSuffix("model-00003-of-0000\(try folder.shards().count).sumac") == true)
  }

  @Test("strings, other members of the index and names of weights survive")
  func names() throws {
    var model = try Checkpoint.base
    model.metadata = [Checkpoint.Metadatum(key: "format", value: "pt")]
    model.folder.weightsName = "model.fp16"
    model.folder.indexMembers = ["extra": ["x": 1]]
    model.folder.countsParameters = true
    let read = try folder.writeShards(model)
    #expect(read.folder == model.folder && read.metadata == model.metadata)
    #expect(folder.exists("shards/model.sumac.index.fp16.json"))
    #expect(try folder.shards()[0].hasPrefix("model.fp16-00001-of-"))
    let index = try folder.json("shards/model.sumac.index.fp16.json")
    #expect(index["metadata"]?["total_parameters"]?.asInt == model.parameterCount)
    #expect(index["extra"]?["x"]?.asInt == 1)
    let back = try folder.write(
      read, to: "back", Containers.output(forPath: folder["back"]))
    #expect(try back.contents() == model.contents())
    #expect(folder.exists("back/model.fp16.safetensors"))
  }

  @Test("components of a pipeline have shards and an index each")
  func components() throws {
    var model = try Checkpoint.random(
      [
        "unet/a": [64, 64], "unet/b": [64, 64], "vae/a": [64, 64], "vae/tied": [64, 64],
        "vae/again": [64, 64],
      ], aliases: ["vae/tied": "unet/a", "vae/again": "unet/a"])
    model.folder.components = ["unet", "vae"].map {
      ComponentLayout(path: $0, layout: FolderLayout(), metadata: [])
    }
    let list = Array(#"{"unet": ["diffusers", "U"], "vae": ["diffusers", "V"]}"#.utf8)
    model.companions = [
      LazyTensor(
        info: try TensorInfo(
          name: "model_index.json", dtype: .u8, shape: Shape([list.count])),
        source: MemoryTensorSource(
          info: try TensorInfo(
            name: "model_index.json", dtype: .u8, shape: Shape([list.count])), values: list),
        stored: StoredForm(file: "", byteOffset: 0, byteCount: list.count, dtype: .u8))
    ]
    model = try model.stored("int4:g64")
    let job = try OutputJob(
      model, to: folder["shards"], container: PackedFolderContainer.self,
      options: WriterOptions(shardByteCount: 10_000), replacesExisting: false)
    let outcome = try job.run(
      jobs: 2, memory: MemoryBudget(limit: 1 << 30), cancellation: Cancellation(),
      progress: NoProgress())
    #expect(
      outcome.losses.map(\.name) == ["unet/a", "unet/b", "vae/a", "vae/tied"])
    let read = try Containers.read(folder["shards"])
    #expect(read.container == .sumacShards)
    #expect(read.tensors.map(\.name) == model.tensors.map(\.name))
    // Tensors of two components cannot share a file.
    #expect(read.tensors.map(\.aliasOf) == [nil, nil, nil, nil, "vae/tied"])
    #expect(try read.tensors[3].bytes() == read.tensors[0].bytes())
    #expect(folder.exists("shards/unet/model.sumac.index.json"))
    #expect(try folder.names(in: "shards/vae").count == 3)
  }

  @Test("a cut of an earlier plan is kept when tensors are stored in another way")
  func cut() throws {
    let model = try Checkpoint.base
    var options = WriterOptions(shardByteCount: 300_000)
    let first = try #require(PackedFolderContainer.writer(model, options: options).partition)
    options.cut = first.parts.map(\.tensorNames)
    let second = try #require(
      PackedFolderContainer.writer(model.stored("int4:g64"), options: options).partition)
    #expect(second.parts.map(\.tensorNames) == first.parts.map(\.tensorNames))
    options.cut = nil
    let other = try #require(
      PackedFolderContainer.writer(model.stored("int4:g64"), options: options).partition)
    #expect(other.parts.count < first.parts.count)
  }

  @Test("a model without tensors is refused before the work")
  func empty() throws {
    let error = #expect(throws: FormatError.self) {
      try folder.writeShards(try Checkpoint.random([:]))
    }
    #expect(error?.code == .modelDirectory)
  }
}
