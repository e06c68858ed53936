import Base
import Checkpoints
import Codecs
import Operations
import Pruning
import Reporting
import TestSupport
import Testing

/// Sweeps over shares and types, of which nothing is written.
@Suite struct SweepTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private struct Silent: OperationObserver {
    var progress: any Progress { NoProgress() }
    func report(_ notice: OperationNotice) {}
  }

  private var context: OperationContext {
    OperationContext(
      jobs: 2, memory: MemoryBudget(limit: 2 << 30), temporaryFolder: folder.path,
      observer: Silent())
  }

  private let model = Fixtures.path("models/base")

  private var text: EvaluationSettings {
    var text = EvaluationSettings(
      data: [Fixtures.path("models/text/tokens.safetensors") + ":heldout_prose"])
    text.tokenLimit = 300
    return text
  }

  private func points(_ operation: some Operation) throws -> [JSONValue] {
    try #require(try operation.run(context).reports.first).lines
  }

  // MARK: Shares

  @Test(
    "the figures of each share are those of a pruned model",
    arguments: [
      (PruneSettings.Method.magnitude, nil, 0.3), (.magnitude, .neuron, 0.9),
      (.random, .layer, 0.5),
    ] as [(PruneSettings.Method, Pruning.Scope?, Double)])
  func shares(method: PruneSettings.Method, scope: Pruning.Scope?, share: Double) throws {
    var sweep = PruneSweepOperation(input: model, shares: [0.1, share])
    sweep.settings.method = method
    sweep.settings.scope = scope
    let found = try points(sweep)
    #expect(found.count == 2 && found[0]["amount"]?.asDouble == 0.1)
    var prune = PruneOperation(input: model, output: OutputSettings(path: folder["p.sumac"]))
    prune.settings = sweep.settings
    prune.settings.amount = share
    let report = try #require(try prune.run(context).reports.first).members
    #expect(found[1]["kept"] == report["kept"])
    #expect(found[1]["pqi"] == report["pqi_after"])
    #expect(found[1]["relative_error"] == report["relative_error"])
    #expect((report["relative_error"]?.asDouble ?? 0) > 0)
  }

  @Test("the error grows with the share, from nothing to everything")
  func growth() throws {
    var sweep = PruneSweepOperation(input: model, shares: [0, 0.5, 1])
    sweep.settings.method = .random
    let errors = try points(sweep).compactMap { $0["relative_error"]?.asDouble }
    #expect(errors.count == 3 && errors[0] == 0 && errors[1] > 0 && errors[1] < 1)
    #expect(abs(errors[2] - 1) < 1e-9)
  }

  @Test("the predictions of each share are those of a pruned model", .needsOpenBLAS)
  func evaluatedShares() throws {
    var sweep = PruneSweepOperation(input: model, shares: [0.5])
    sweep.settings.method = .magnitude
    sweep.evaluation = text
    let found = try #require(try points(sweep).first)
    var prune = PruneOperation(input: model, output: OutputSettings(path: folder["p.sumac"]))
    prune.settings.method = .magnitude
    prune.settings.amount = 0.5
    prune.evaluation = text
    let report = try #require(try prune.run(context).reports.first).members
    let comparison = try #require(report["evaluation"]?["comparison"])
    #expect(found["divergence"] == comparison["divergence"])
    #expect(found["perplexity"] == report["evaluation"]?["perplexity"])
    #expect((found["divergence"]?["value"]?.asDouble ?? 0) > 0)
  }

  @Test(
    "a rule without a share, and a share that is none, are refused",
    arguments: [
      (PruneSettings.Method.pqi, nil, [0.5]), (.nm, nil, [0.5]), (.wanda, "2:4", [0.5]),
      (.magnitude, nil, [1.5]), (.magnitude, nil, []), (.magnitude, nil, [.nan]),
    ] as [(PruneSettings.Method, String?, [Double])])
  func refusedShares(method: PruneSettings.Method, pattern: String?, shares: [Double]) {
    var sweep = PruneSweepOperation(input: model, shares: shares)
    sweep.settings.method = method
    sweep.settings.pattern = pattern
    #expect { try sweep.run(context) } throws: { $0 is any UserError }
  }

  @Test("equal shares are measured once")
  func equalShares() throws {
    var sweep = PruneSweepOperation(input: model, shares: [0.5, 0.25, 0.5])
    sweep.settings.method = .random
    #expect(try points(sweep).compactMap { $0["amount"]?.asDouble } == [0.5, 0.25])
  }

  // MARK: Types

  private func sweep(_ types: [String]?) -> ConvertSweepOperation {
    var conversion = ConvertOperation(input: model, output: OutputSettings(path: ""))
    conversion.output.compression = .fast
    var sweep = ConvertSweepOperation(conversion)
    sweep.types = types
    return sweep
  }

  @Test(
    "size and error are those of the file that the conversion writes",
    arguments: ["int3", "lossless", "dense:int2+sparse:1%"])
  func types(type: String) throws {
    let found = try #require(try points(sweep([type])).first)
    var convert = ConvertOperation(input: model, output: OutputSettings(path: folder["c.sumac"]))
    convert.output.compression = .fast
    convert.storage.terms = type.contains("dense") ? type : "dense:" + type
    let written = try #require(try convert.run(context).written)
    #expect(found["bytes"]?.asInt == written.byteCount)
    #expect(found["relative_error"]?.asDouble == written.loss?.relative ?? 0)
  }

  @Test(
    "every type is tried or left out with a reason, and the front is one of growing size and quality"
  )
  func front() throws {
    let report = try #require(try sweep(nil).run(context).reports.first)
    let (points, skipped) = (report.lines, report.members["skipped"]?.asArray ?? [])
    #expect(points.count + skipped.count == StorageType.names.count)
    #expect(points.count > 10)
    let sizes = points.compactMap { $0["bytes"]?.asInt }
    #expect(sizes == sizes.sorted())
    let front = points.filter { $0["front"] == .bool(true) }
    let errors = front.compactMap { $0["relative_error"]?.asDouble }
    #expect(
      errors.count >= 3 && errors == errors.sorted(by: >) && Set(errors).count == errors.count)
    #expect(front.last?["type"]?.asString == "lossless")
    // No type off the front is better than one on it.
    let beaten = points.filter { point in
      front.contains { other in
        (other["bytes"]?.asInt ?? 0) <= (point["bytes"]?.asInt ?? 0)
          && (other["relative_error"]?.asDouble ?? 0) <= (point["relative_error"]?.asDouble ?? 0)
      }
    }
    #expect(beaten.count == points.count)
  }

  @Test("the predictions of each type are those of the converted model", .needsOpenBLAS)
  func evaluatedTypes() throws {
    var operation = sweep(["int4"])
    operation.conversion.evaluation = text
    let found = try #require(try points(operation).first)
    var convert = ConvertOperation(input: model, output: OutputSettings(path: folder["c.sumac"]))
    convert.storage.type = "int4"
    convert.evaluation = text
    let written = try #require(try convert.run(context).written?.members)
    #expect(found["divergence"] == written["evaluation"]?["comparison"]?["divergence"])
    #expect((found["divergence"]?["value"]?.asDouble ?? 0) > 0)
    // The trial had no name, and nothing of it is left.
    #expect(try folder.names() == ["c.sumac"])
  }

  @Test("a type that rules for tensors leave no tensor is left out with the reason")
  func unusedType() throws {
    var operation = sweep(["int4", "int8"])
    operation.conversion.storage.tensorTypes = ["*=int8"]
    #expect {
      try operation.run(context)
    } throws: {
      ($0 as? any UserError)?.message.contains("int4 applies to no tensor: tensor-type") ?? false
    }
    operation.conversion.storage.tensorTypes = ["*embed*=int8"]
    #expect(try points(operation).count == 2)
  }

  @Test("of types with equal files, lossless is chosen")
  func ties() throws {
    let header = #"{"w":{"dtype":"F32","shape":[64,64],"data_offsets":[0,16384]}}"#
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    try folder.write(
      length + Array(header.utf8) + [UInt8](repeating: 0, count: 16384), to: "zeros.safetensors")
    var operation = sweep(["int4", "int8", "lossless"])
    operation.conversion.input = folder["zeros.safetensors"]
    // The names of the types would make files of different lengths.
    operation.conversion.output.recordsLineage = false
    let points = try points(operation)
    #expect(points.count == 3 && Set(points.compactMap { $0["bytes"]?.asInt }).count == 1)
    let front = points.filter { $0["front"] == .bool(true) }
    #expect(front.compactMap { $0["type"]?.asString } == ["lossless"])
  }

  @Test("a sweep without a type that applies, or with a type of its own, is refused")
  func refusedTypes() throws {
    var operation = sweep(["int9"])
    #expect { try operation.run(context) } throws: { $0 is any UserError }
    operation = sweep(["int4"])
    operation.conversion.storage.type = "int8"
    #expect { try operation.run(context) } throws: { $0 is any UserError }
    operation = sweep(["int4:g1024"])
    #expect { try operation.run(context) } throws: { $0 is any UserError }
  }

  // MARK: Files

  @Test(
    "the suffix of the output chooses a plot, a page or a report",
    arguments: [
      ("x.svg", "<svg"), ("x.html", "<!DOCTYPE html>"), ("x.json", "sumac.prune-sweep/1"),
      ("x.csv", "amount,pruned"),
    ])
  func outputs(name: String, start: String) throws {
    var sweep = PruneSweepOperation(input: model, shares: [0.25, 0.5])
    sweep.settings.method = .magnitude
    sweep.output = SweepOutput(path: folder[name])
    _ = try sweep.run(context)
    #expect(String(decoding: try folder.bytes(name), as: UTF8.self).contains(start))
    #expect { try sweep.run(context) } throws: { ($0 as? any UserError)?.status == .outputExists }
    sweep.output?.replacesExisting = true
    _ = try sweep.run(context)
  }

  @Test("a name of a model is no output of a sweep", arguments: ["x.sumac", "x", "x.safetensors"])
  func wrongOutput(name: String) {
    var sweep = PruneSweepOperation(input: model, shares: [0.25])
    sweep.settings.method = .magnitude
    sweep.output = SweepOutput(path: folder[name])
    #expect { try sweep.run(context) } throws: { ($0 as? any UserError)?.status == .usage }
  }
}
