package import Base
package import Checkpoints
import Models
package import Reporting
import Synchronization
import TensorCore

/// The differences between a checkpoint and the original that it should equal.
package struct Comparison: Sendable {
  /// One difference between the checkpoints.
  package struct Difference: Sendable, Equatable {
    /// The kind of a difference.
    package enum Kind: String, Sendable {
      case missing, extra, dtype, shape, values, file
    }

    package var name: String
    package var kind: Kind
    package var detail: String
    /// ‖x − x̂‖ / ‖x‖, where x are the values of the original; nil unless floats differ in finite values.
    package var relativeError: Double?
  }

  /// The errors that are still accepted as equal; without limits, every bit must match.
  package struct Tolerance: Sendable {
    package var largestError: Double?
    package var rootMeanSquare: Double?

    package init(largestError: Double? = nil, rootMeanSquare: Double? = nil) {
      self.largestError = largestError
      self.rootMeanSquare = rootMeanSquare
    }

    var isExact: Bool { largestError == nil && rootMeanSquare == nil }
  }

  package let original: String
  private let isExact: Bool
  package let comparedTensorCount: Int
  package let differences: [Difference]
  /// The files that may contain weights and were not compared, each with its checkpoint.
  package let notCompared: [String]
  /// The difference of all tensors of floats from those of the original, within the tolerance or not; nil if there is
  /// none.
  package let loss: ModelLoss?
  /// True to list all differences, however many there are.
  private let listsDifferences: Bool
  /// The number of differences that are listed in any case.
  private static let listedCount = 5

  package var isEqual: Bool { differences.isEmpty }

  /// Compares names, dtypes, shapes and values of all tensors, and the files beside them if both inputs have
  /// files.
  /// - Parameter listsDifferences: True if the text lists all differences; otherwise it summarizes many of them.
  package init(
    _ checkpoint: Checkpoint, against original: Checkpoint, tolerance: Tolerance,
    listsDifferences: Bool = false, engine: Engine
  ) throws {
    self.original = original.path
    self.listsDifferences = listsDifferences
    isExact = tolerance.isExact
    var plan = Pairing(checkpoint.tensors, original.tensors, tolerance: tolerance)
    comparedTensorCount = plan.pairs.count
    let survey = try ErrorSurvey(plan.pairs, tolerance: tolerance, engine: engine)
    plan.differences += survey.differences
    loss = ModelLoss(
      survey.losses,
      elementCount: plan.pairs.reduce(0) { $0 + $1.tensor.info.elementCount })
    let (own, wanted) = Self.files(checkpoint, original)
    if !own.isEmpty, !wanted.isEmpty {
      // The configuration of a converted model contains its new dtype.
      func compared(_ files: [LazyTensor]) -> [LazyTensor] {
        files.filter {
          tolerance.isExact || FileSystem.baseName(of: $0.name) != ModelConfig.name
        }
      }
      let files = Pairing(compared(own), compared(wanted), tolerance: Tolerance())
      let changed = try ErrorSurvey(files.pairs, tolerance: Tolerance(), engine: engine)
        .differences
      plan.differences += (files.differences + changed).map {
        Difference(name: $0.name, kind: .file, detail: $0.detail, relativeError: nil)
      }
    }
    differences = plan.differences
    notCompared = Self.notCompared(checkpoint, original)
  }

  /// Returns the files beside the weights that are compared.
  ///
  /// A file that one side leaves out by default is compared if the other side contains it, as after a conversion with
  /// all companions.
  private static func files(
    _ checkpoint: Checkpoint, _ original: Checkpoint
  ) -> (own: [LazyTensor], wanted: [LazyTensor]) {
    func files(_ side: Checkpoint, besides other: Checkpoint) -> [LazyTensor] {
      let names = Set(other.companions.map { UTF8Key($0.name) })
      return side.companions
        + side.skipped.compactMap(\.companion).filter { names.contains(UTF8Key($0.name)) }
    }
    return (files(checkpoint, besides: original), files(original, besides: checkpoint))
  }

  private static func notCompared(_ checkpoint: Checkpoint, _ original: Checkpoint) -> [String] {
    let (own, wanted) = files(checkpoint, original)
    let comparesFiles = !own.isEmpty && !wanted.isEmpty
    return [(checkpoint, own), (original, wanted)].flatMap { side, compared in
      let names = Set(comparesFiles ? compared.map { UTF8Key($0.name) } : [])
      let companions = side.companions.map(\.name).filter(WeightFileNames.mayContainTensors)
      let skipped = side.skipped.filter(\.mayContainWeights).map(\.path)
      return (companions + skipped).filter { !names.contains(UTF8Key($0)) }
        .map { "\($0) of \(side.path)" }
    }
  }

  /// Returns the number of bytes that each worker of a comparison needs.
  package static func workspaceByteCount(_ checkpoint: Checkpoint, _ original: Checkpoint) -> Int {
    let (own, wanted) = files(checkpoint, original)
    let pairs =
      Pairing(checkpoint.tensors, original.tensors, tolerance: Tolerance()).pairs
      + Pairing(own, wanted, tolerance: Tolerance()).pairs
    return ErrorSurvey.workspaceByteCount(pairs)
  }

  /// The number of differences of a kind.
  private func count(_ kind: Difference.Kind) -> Int { differences.count { $0.kind == kind } }

  /// The number of compared tensors that are equal, or within the tolerance.
  package var equalTensorCount: Int { comparedTensorCount - count(.values) }

  /// True if the text leaves out differences.
  package var summarizes: Bool { !listsDifferences && differences.count > Self.listedCount }

  package var sections: [Section] {
    guard !isEqual else {
      return equalLines + (lossFacts.isEmpty ? [] : [.facts(lossFacts)])
    }
    let sections = [
      Section.line("differs from \(original.printable)"),
      .facts([Section.Fact("tensors", counts)] + lossFacts),
    ]
    guard !summarizes else { return sections }
    let table = Table(
      [Table.Column("tensor"), Table.Column("differs in"), Table.Column("how")],
      rows: differences.map { [$0.name.printable, $0.kind.rawValue, $0.detail] })
    return sections + [.table(table)]
  }

  /// The lines about inputs without a difference.
  private var equalLines: [Section] {
    let scope =
      "\(original.printable): \(comparedTensorCount.counted("tensor")), "
      + (isExact ? "names, shapes, dtypes and every bit of the values" : "names, shapes and values")
    guard notCompared.isEmpty else {
      return [
        .line(
          "no difference \(isExact ? "" : "over the allowed error ")in what was compared with \(scope)"
        ),
        .line("not compared: \(notCompared.map(\.printable).joined(separator: ", "))"),
      ]
    }
    return [.line((isExact ? "equal to " : "within the allowed error of ") + scope)]
  }

  private var lossFacts: [Section.Fact] {
    guard let loss else { return [] }
    let share = (100 * loss.losslessShare).fixed(decimals: 1)
    return [
      Section.Fact("error", "\(loss.total), \(share) % of the values equal"),
      Section.Fact("worst", loss.worstTensors),
    ]
  }

  /// The numbers of equal tensors and of each kind of difference.
  private var counts: String {
    let total =
      comparedTensorCount + count(.missing) + count(.dtype) + count(.shape) + count(.extra)
    let kinds: [(Difference.Kind, String)] = [
      (.values, "changed"), (.missing, "missing"), (.extra, "not in the original"),
      (.dtype, "of another dtype"), (.shape, "of another shape"),
    ]
    let equal =
      "\(equalTensorCount.grouped) of \(total.grouped) "
      + (isExact ? "equal" : "within the allowed error")
    var parts = [equal]
    parts += kinds.compactMap { kind, text in
      count(kind) > 0 ? "\(count(kind).grouped) \(text)" : nil
    }
    if count(.file) > 0 { parts.append(count(.file).counted("other file") + " different") }
    return parts.joined(separator: ", ")
  }

  package var members: JSONObject {
    [
      "original": .string(original), "equal": .bool(isEqual && notCompared.isEmpty),
      "compared_tensor_count": JSONValue(comparedTensorCount),
      "not_compared": .array(notCompared.map { .string($0) }),
      "equal_tensor_count": JSONValue(equalTensorCount),
      "changed_tensor_count": JSONValue(count(.values)),
      "loss": loss.map { .object($0.json) } ?? .null,
      "differences": .array(lines),
    ]
  }

  package var lines: [JSONValue] {
    differences.map {
      .object([
        "name": .string($0.name), "kind": .string($0.kind.rawValue), "detail": .string($0.detail),
        "relative_error": $0.relativeError.map { JSONValue($0) } ?? .null,
      ])
    }
  }
}

/// The tensors of two checkpoints that have the same name, and the differences in names, dtypes and shapes.
struct Pairing {
  struct Pair: Sendable {
    var tensor: LazyTensor
    var original: LazyTensor
  }

  var pairs: [Pair] = []
  var differences: [Comparison.Difference] = []

  init(_ tensors: [LazyTensor], _ originals: [LazyTensor], tolerance: Comparison.Tolerance) {
    var byName: [UTF8Key: LazyTensor] = [:]
    for tensor in tensors { byName[UTF8Key(tensor.name)] = tensor }
    for original in originals {
      guard let tensor = byName.removeValue(forKey: UTF8Key(original.name)) else {
        add(original.name, .missing, "only the original has it")
        continue
      }
      let (info, wanted) = (tensor.info, original.info)
      if info.shape != wanted.shape {
        add(original.name, .shape, "\(info.shape), the original has \(wanted.shape)")
      } else if info.dtype != wanted.dtype,
        tolerance.isExact || info.dtype == .c64 || wanted.dtype == .c64
      {
        add(original.name, .dtype, "\(info.dtype.name), the original has \(wanted.dtype.name)")
      } else {
        pairs.append(Pair(tensor: tensor, original: original))
      }
    }
    for tensor in tensors where byName[UTF8Key(tensor.name)] != nil {
      add(tensor.name, .extra, "the original does not have it")
    }
  }

  private mutating func add(
    _ name: String, _ kind: Comparison.Difference.Kind, _ detail: String
  ) {
    differences.append(Comparison.Difference(name: name, kind: kind, detail: detail))
  }
}
