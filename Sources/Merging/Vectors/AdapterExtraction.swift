package import Base
package import Checkpoints
import Models
import Packing
import TensorCore

/// The operation `vector extract --rank` into a folder, which writes a LoRA adapter in the layout of PEFT.
///
/// The differences of weights become low-rank factors; other tensors that differ are stored whole, as modules
/// to save.
package struct AdapterExtraction: Sendable {
  package let extraction: VectorExtraction
  private let rank: Int

  package init(_ extraction: VectorExtraction, rank: Int) {
    self.extraction = extraction
    self.rank = rank
  }

  /// The names under which PEFT finds the adapter.
  package var folder: FolderLayout { FolderLayout(weightsName: LowRankAdapter.weightsName) }

  /// The errors of the extraction, and of options that an adapter does not support.
  package var errors: [any UserError] {
    var errors = extraction.errors
    if extraction.form.density != nil || extraction.form.type != nil || extraction.isExact {
      errors.append(
        UsageError(
          "an adapter stores only factors and does not support \(setting: "density"), \(setting: "type") or \(setting: "exact")",
          hint: "write a .sumac file to use these"))
    }
    return errors
  }

  private func rank(of info: TensorInfo) -> Int {
    min(rank, info.shape.rowCount, info.shape.columnCount)
  }

  private static func hasFactors(_ info: TensorInfo) -> Bool {
    info.shape.dimensions.count == 2 && info.elementCount > 0 && info.name.hasSuffix(".weight")
      && info.grid.largestChunk % max(1, info.shape.columnCount) == 0
  }

  /// The number of bytes that are read before the adapter is written.
  package var surveyByteCount: Int {
    extraction.surveyByteCount + LowRankFactors.passCount * extraction.differenceByteCount
  }

  /// Returns the number of bytes of factors, and of the work on the largest matrix, that all workers share.
  package func fixedByteCount() throws -> Int {
    var (kept, largest) = (0, 0)
    for info in extraction.differenceInfos where Self.hasFactors(info) {
      let sizes = (info.shape.rowCount, info.shape.columnCount, rank(of: info))
      kept += LowRankFactors.byteCount(rows: sizes.0, columns: sizes.1, rank: sizes.2)
      largest = max(
        largest, LowRankFactors.fixedByteCount(rows: sizes.0, columns: sizes.1, rank: sizes.2))
    }
    // The factors and their transposed copies are in memory at the same time.
    return 2 * kept + largest
  }

  /// Returns the number of bytes that a worker needs.
  package func workerByteCount() throws -> Int {
    let differences = try extraction.extracted().tensors
    let largest =
      differences.filter { Self.hasFactors($0.info) }.map {
        LowRankFactors.workerByteCount($0, rank: rank(of: $0.info))
      }.max() ?? 0
    return max(extraction.workerByteCount, largest, 2 << 20)
  }

  /// Fits the factors, and returns the adapter.
  package func adapter(engine: Engine) throws -> Checkpoint {
    _ = try extraction.survey(engine: engine)
    var result = try extraction.extracted()
    var tensors: [LazyTensor] = []
    var ranks = JSONObject()
    var (targets, saved): ([String], [String]) = ([], [])
    for difference in result.tensors {
      let info = difference.info
      guard Self.hasFactors(info) else {
        if try extraction.differs(info.name, engine: engine) {
          var whole = try extraction.tuned(info.name)
          whole.info.name = TensorNames.adapterPrefix + info.name
          whole.aliasOf = nil
          tensors.append(whole)
          saved.append(Self.module(of: info.name))
        }
        continue
      }
      let factors = try LowRankFactors(difference, rank: rank(of: info), engine: engine)
      guard !factors.isZero else { continue }
      let module = Self.module(of: info.name)
      targets.append(module)
      if factors.rank != rank { ranks[module] = JSONValue(factors.rank) }
      let name = TensorNames.adapterPrefix + module
      if TensorNames.isEmbedding(module) {
        tensors.append(try factors.u(named: name + ".lora_embedding_A", isTransposed: true))
        tensors.append(try factors.v(named: name + ".lora_embedding_B", isTransposed: true))
      } else {
        tensors.append(try factors.v(named: name + ".lora_A.weight", isTransposed: false))
        tensors.append(try factors.u(named: name + ".lora_B.weight", isTransposed: false))
      }
    }
    result.metadata = []
    result.folder = folder
    result.tensors = tensors
    return try result.replacingCompanion(
      LowRankAdapter.configName, with: config(targets: targets, saved: saved, ranks: ranks))
  }

  private static func module(of tensor: String) -> String {
    tensor.lastIndex(of: ".").map { String(tensor[..<$0]) } ?? tensor
  }

  private func config(targets: [String], saved: [String], ranks: JSONObject) -> [UInt8] {
    var unique: [String] = []
    for module in saved where !unique.contains(module) { unique.append(module) }
    let config: JSONValue = .object([
      "base_model_name_or_path": .string(FileSystem.ownName(of: extraction.base.path)),
      "bias": "none", "fan_in_fan_out": false, "inference_mode": true,
      "lora_alpha": JSONValue(rank), "lora_dropout": 0.0,
      "modules_to_save": unique.isEmpty ? .null : .array(unique.map { .string($0) }),
      "peft_type": "LORA", "r": JSONValue(rank), "rank_pattern": .object(ranks),
      // Alpha equals the rank, so that products are added with the factor 1.
      "alpha_pattern": .object(ranks),
      "target_modules": .array(targets.map { .string($0) }), "task_type": "CAUSAL_LM",
      "use_dora": false, "use_rslora": false,
    ])
    return Array((config.serialized(indented: true) + "\n").utf8)
  }

  package var lineageOptions: [Lineage.Option] { extraction.lineageOptions }
}

extension VectorExtraction {
  var differenceInfos: [TensorInfo] { pairs.map(\.base.info) }
  var differenceByteCount: Int {
    pairs.reduce(0) { $0 + $1.tuned.info.byteCount + $1.base.info.byteCount }
  }

  /// Returns the tensor of the fine-tune with a name.
  func tuned(_ name: String) throws -> LazyTensor {
    guard let pair = pairs.first(where: { $0.base.name.equalsAsBytes(name) }) else {
      throw UsageError("tensor '\(name.printable)' is not in both models")
    }
    return pair.tuned
  }

  /// Returns true if a tensor has different values in the two models.
  func differs(_ name: String, engine: Engine) throws -> Bool {
    guard let pair = pairs.first(where: { $0.base.name.equalsAsBytes(name) }) else { return false }
    let difference = try LazyTensor.difference(
      pair.tuned, of: tuned, from: pair.base, of: base, dtype: .f32)
    let statistics = try VectorStatistics.tally(
      [Operand(difference, path: tuned.path, dtype: nil)], base: nil, engine)
    return statistics.squares[0] > 0
  }
}
