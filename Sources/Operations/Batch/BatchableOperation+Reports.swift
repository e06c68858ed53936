import Base
import Checkpoints
import Inspection
import Models
import Reporting
import Surveys
import TensorCore

extension InspectOperation: BatchableOperation {
  package var inputPaths: [String] { inputs }
  package var otherPaths: [String] { [selection.namesFile].compactMap(\.self) }
  package var outputSuffix: String { ".json" }
  package var writesCheckpoint: Bool { false }
  package var replacesExisting: Bool {
    get { false }
    set {}
  }

  package mutating func bind(input: String, output: String) { inputs = [input] }

  package func outline(_ context: OperationContext) throws -> WorkOutline {
    let checkpoint = try context.read(inputs.first ?? "", for: .report)
    guard showsStatistics else {
      return WorkOutline(
        [checkpoint], demand: MemoryBudget.Demand(fixedByteCount: 0, workerByteCount: 0),
        valueByteCount: 0)
    }
    let roles = TensorRoles(checkpoint)
    let demand = statisticsDemand(
      of: checkpoint.tensors, rows: checkpoint.tensors.map { roles.rows(of: $0.info) })
    return WorkOutline(
      [checkpoint], demand: demand,
      valueByteCount: 2 * checkpoint.tensors.reduce(0) { $0 + $1.info.byteCount })
  }
}

extension VerifyOperation: BatchableOperation {
  package var inputPaths: [String] { inputs }
  package var otherPaths: [String] { [against].compactMap(\.self) }
  package var outputSuffix: String { ".json" }
  package var writesCheckpoint: Bool { false }
  package var replacesExisting: Bool {
    get { false }
    set {}
  }

  package mutating func bind(input: String, output: String) {
    inputs = [input]
    reportsFailuresOnly = false
  }

  package mutating func compare(with original: String) { against = original }

  package func outline(_ context: OperationContext) throws -> WorkOutline {
    let checkpoint = try context.read(inputs.first ?? "", for: .report)
    let original = try against.map { try context.read($0, for: .report) }
    return WorkOutline(
      [checkpoint, original].compactMap(\.self), demand: demand(checkpoint, against: original),
      valueByteCount: Verification.byteCount(checkpoint) * (original == nil ? 1 : 2))
  }
}
