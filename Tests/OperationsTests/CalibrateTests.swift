import Base
import Checkpoints
import Containers
import Operations
import TensorCore
import TestSupport
import Testing

/// Calibration, and what is made with its statistics.
@Suite(.needsOpenBLAS) struct CalibrateTests {
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

  private var model: String { Fixtures.path("models/base") }

  /// The tokens of the golden sums, as rows.
  private var rows: EvaluationSettings {
    EvaluationSettings(data: [Fixtures.path("networks/eval/calibration.safetensors") + ":tokens"])
  }

  private func calibrated(
    _ name: String, _ change: (inout CalibrateOperation) -> Void = { _ in }
  ) throws -> [String: LazyTensor] {
    var operation = CalibrateOperation(
      model: model, settings: rows, output: OutputSettings(path: folder[name]))
    change(&operation)
    _ = try operation.run(context)
    return Dictionary(
      try Containers.read(folder[name]).tensors.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first })
  }

  @Test("sequential norms and the pruned model are those of wanda's order in torch")
  func sequential() throws {
    let golden = try Containers.read(Fixtures.path("networks/eval/sequential.safetensors"))
    let found = try calibrated("norms.safetensors") { $0.sequential = "50%" }
    let rows = golden.tensors.filter { $0.name.hasPrefix("sequential.scaler_row.") }
    #expect(rows.count == 8)
    for row in rows {
      let name = String(row.name.dropFirst("sequential.scaler_row.".count)) + ".weight"
      let sums = try #require(found["calibration.sum_squares." + name]).bytes().doubles
      let expected = try row.bytes().doubles
      // The official code divides by the number of windows.
      let scale = (sums.max() ?? 0) / (expected.max() ?? 1)
      #expect(sums.count == expected.count && abs(scale.rounded() - scale) < 1e-3)
      for (one, other) in zip(sums, expected) {
        #expect(abs(one - scale * other) <= 1e-5 * scale * other)
      }
    }
    var prune = PruneOperation(
      input: model, output: OutputSettings(path: folder["pruned.safetensors"]))
    prune.settings.method = .wanda
    prune.settings.amount = 0.5
    prune.settings.norms = folder["norms.safetensors"]
    prune.selection.rules = [.init(.include, "*_proj.weight")]
    _ = try prune.run(context)
    let pruned = try Containers.read(folder["pruned.safetensors"]).tensors
    let masks = golden.tensors.filter { $0.name.hasPrefix("sequential.cut_bits.") }
    #expect(masks.count == 2)
    for mask in masks {
      let name = String(mask.name.dropFirst("sequential.cut_bits.".count)) + ".weight"
      let bytes = try #require(pruned.first { $0.name == name }).bytes()
      let zeros = stride(from: 0, to: bytes.count, by: 2).map {
        bytes[$0] == 0 && bytes[$0 + 1] & 0x7F == 0
      }
      let cuts = try mask.bytes().flatMap { byte in (0..<8).map { byte >> $0 & 1 == 1 } }
      #expect(zeros == cuts)
    }
  }

  @Test(
    "a step that is none, or products of no layer, are refused before the work",
    arguments: [("150%", []), ("nothing.sumac", []), (nil, ["*.nothing"])] as [(String?, [String])])
  func refused(sequential: String?, products: [String]) throws {
    #expect(throws: (any UserError).self) {
      try calibrated("x.safetensors") {
        $0.sequential = sequential
        $0.products = products
      }
    }
    #expect(try folder.names().isEmpty)
  }

  @Test("products that do not fit into the memory are refused before the work")
  func memory() throws {
    var operation = CalibrateOperation(
      model: model, settings: rows, output: OutputSettings(path: folder["x.safetensors"]))
    operation.products = ["*"]
    var small = context
    small.memory = MemoryBudget(limit: 1 << 20)
    #expect(throws: UsageError.self) { try operation.run(small) }
  }

  // MARK: Choice of types

  private func convert(_ name: String, _ calibration: String?) -> ConvertOperation {
    var operation = ConvertOperation(input: model, output: OutputSettings(path: folder[name]))
    operation.storage.targetBitsPerWeight = 4
    operation.storage.candidates = ["int2:g32:asym", "int4:g32", "int8:g64"]
    operation.storage.calibration = calibration
    return operation
  }

  @Test("types follow the statistics, and the size does not exceed the target")
  func choice() throws {
    _ = try calibrated("stats.safetensors")
    for (name, path) in [("plain.sumac", nil), ("by.sumac", folder["stats.safetensors"])] {
      _ = try convert(name, path).run(context)
    }
    let forms = try ["plain.sumac", "by.sumac"].map { name in
      try Containers.read(folder[name]).tensors.map(\.stored.label)
    }
    #expect(forms[0] != forms[1])
    let tensors = try Containers.read(folder["by.sumac"]).tensors
    let byteCount = tensors.reduce(0) { $0 + $1.stored.byteCount }
    #expect(8 * byteCount <= 4 * tensors.reduce(0) { $0 + $1.info.elementCount })
  }

  @Test("statistics of another model, or of none, are refused by name")
  func otherModel() throws {
    var text = EvaluationSettings(data: [folder["ids.u16"]])
    text.start = .never
    try folder.write([1, 0, 2, 0, 3, 0, 4, 0], to: "ids.u16")
    _ = try CalibrateOperation(
      model: Fixtures.path("networks/families/qwen2-tied"), settings: text,
      output: OutputSettings(path: folder["other.safetensors"])
    ).run(context)
    let error = #expect(throws: SeveralErrors.self) {
      try convert("x.sumac", folder["other.safetensors"]).run(context)
    }
    #expect(error?.description.contains("other.safetensors") == true)
    #expect(throws: FormatError.self) {
      try convert("x.sumac", Fixtures.path("models/base/model.safetensors")).run(context)
    }
  }
}
