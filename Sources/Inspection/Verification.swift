package import Base
package import Checkpoints
import Crypto
import PackedFormat
package import Reporting
import Surveys
import Synchronization
import TensorCore

/// The result of `verify` for one input: all damaged parts, not only the first.
package struct Verification: Report {
  package static let schema = "sumac.verify/1"

  package let checkpoint: Checkpoint
  package let faults: [FormatError]
  package let comparison: Comparison?

  package init(checkpoint: Checkpoint, faults: [FormatError], comparison: Comparison? = nil) {
    self.checkpoint = checkpoint
    self.faults = faults
    self.comparison = comparison
  }

  package var status: ExitStatus {
    if !faults.isEmpty { return .badInput }
    return comparison?.isEqual ?? true ? .done : .comparisonFailed
  }

  /// Reads every byte of every tensor and file, and returns all faults.
  package static func faults(in checkpoint: Checkpoint, engine: Engine) throws -> [FormatError] {
    let collector = FaultCollector()
    let all = checkpoint.tensors.filter { $0.aliasOf == nil } + checkpoint.companions
    let tensors = all.filter { $0.fault == nil }.map { tensor in
      var tensor = tensor
      tensor.source = CollectingSource(base: tensor.source, collector: collector)
      return tensor
    }
    let ids = all.filter { $0.fault == nil }.map(\.record.contentID)
    let hashes = Mutex(tensors.map { _ in SHA256() })
    let turnstile = Turnstile()
    try engine.forEachTile(
      of: tensors, workspaceByteCount: workspaceByteCount(checkpoint),
      fileCount: checkpoint.companions.count { $0.fault == nil }, onFailure: turnstile.abandon
    ) { number, tile, values, _ in
      try turnstile.pass(number) {
        guard ids[tile.tensor] != nil else { return }
        hashes.withLock { $0[tile.tensor].update(values) }
      }
    }
    let found = collector.faults
    let damaged = Set(found.compactMap(\.tensor).map(UTF8Key.init))
    let unlike = zip(zip(tensors, ids), hashes.withLock { $0 }).compactMap { pair, hash in
      let (tensor, id) = pair
      return id == nil || id == Array(hash.finalize()) || damaged.contains(UTF8Key(tensor.name))
        ? nil : contentFault(of: tensor)
    }
    return all.compactMap(\.fault) + found + unlike
  }

  private static func contentFault(of tensor: LazyTensor) -> FormatError {
    FormatError(
      PackedFault.contentID.code, "the values do not match the content id of the tensor",
      path: tensor.stored.file, tensor: tensor.name)
  }

  /// Returns the number of bytes that each worker of `faults(in:engine:)` needs.
  package static func workspaceByteCount(_ checkpoint: Checkpoint) -> Int {
    Engine.workspaceByteCount(of: checkpoint.tensors + checkpoint.companions, extra: { _ in 0 })
  }

  /// Returns the number of bytes of all values that are checked.
  package static func byteCount(_ checkpoint: Checkpoint) -> Int {
    (checkpoint.tensors + checkpoint.companions).reduce(0) {
      $0 + ($1.aliasOf == nil ? $1.info.byteCount : 0)
    }
  }

  /// A statement of the parts that were compared with checksums. The files beside the shards of a folder have none.
  private var checksums: String {
    guard checkpoint.hasChecksums else { return "" }
    return checkpoint.companionsAreFiles && !checkpoint.companions.isEmpty
      ? ", every checksum of the weights matches" : ", every checksum matches"
  }

  package var sections: [Section] {
    let bytes = (checkpoint.tensors + checkpoint.companions).reduce(0) {
      $0 + ($1.aliasOf == nil ? $1.stored.byteCount : 0)
    }
    var lines = faults.map { Section.line("damaged: \($0)") }
    if faults.isEmpty {
      lines.append(
        .line(
          "\(checkpoint.path.printable): \(checkpoint.tensors.count.counted("tensor")) and "
            + "\(checkpoint.companions.count.counted("other file")), \(ByteSize(bytes)): whole"
            + checksums))
    }
    let skipped = checkpoint.skipped.filter(\.mayContainWeights).map(\.path.printable)
    if !skipped.isEmpty {
      lines.append(.line("not checked: \(skipped.joined(separator: ", "))"))
    }
    return lines + (comparison?.sections ?? [])
  }

  package var records: Table {
    Table(
      ["code", "tensor", "offset", "reason"].map { Table.Column($0) },
      rows: faults.map { fault in
        [
          fault.code.description, fault.tensor ?? "", fault.byteOffset.map(String.init) ?? "",
          fault.reason.description,
        ]
      } + (comparison?.differences ?? []).map { [$0.kind.rawValue, $0.name, "", $0.detail] })
  }

  package var members: JSONObject {
    [
      "path": .string(checkpoint.path), "tensor_count": JSONValue(checkpoint.tensors.count),
      "whole": .bool(faults.isEmpty), "faults": .array(faultLines),
      "comparison": comparison.map { .object($0.members) } ?? .null,
    ]
  }

  package var lines: [JSONValue] { faultLines + (comparison?.lines ?? []) }

  private var faultLines: [JSONValue] {
    faults.map { fault in
      .object([
        "code": .string(fault.code.description),
        "tensor": fault.tensor.map { .string($0) } ?? .null,
        "offset": fault.byteOffset.map { JSONValue($0) } ?? .null,
        "reason": .string(fault.reason.description),
      ])
    }
  }
}

/// Collects the faults that reads encounter, in the order of the file.
private final class FaultCollector: Sendable {
  private let found = Mutex<[FormatError]>([])

  func add(_ fault: FormatError) {
    found.withLock { if !$0.contains(fault) { $0.append(fault) } }
  }

  var faults: [FormatError] {
    found.withLock { $0 }.sorted { ($0.byteOffset ?? 0) < ($1.byteOffset ?? 0) }
  }
}

/// A source that records damage and continues.
private struct CollectingSource: TensorSource {
  let base: any TensorSource
  let collector: FaultCollector

  func scratchByteCount(elementCount: Int) -> Int {
    base.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    do { try base.read(elements, into: &values, scratch: &scratch) } catch let fault as FormatError
    {
      collector.add(fault)
    }
  }
}
