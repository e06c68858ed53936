import Base
import Checkpoints
import Examples
import SparCL
import TensorCore
import Training

/// Draws a sample of a stream of examples, in which each one has the same chance to be.
///
/// The tensors of the stream have a row for each example; the sample has the same tensors with a row for each stored one,
/// `ids` with the numbers of these examples in the whole stream, and `seen` with the number of examples so far.
package struct SparclBufferOperation: OutputOperation {
  package static let verb = "sparcl buffer"

  package static let idsName = "ids"
  package static let seenName = "seen"

  /// The path of the stream.
  package var input: String
  package var size: Int
  /// The path of the sample of the stream before.
  package var old: String?
  /// The seed of the random choices; 0 for nil.
  package var seed: UInt64?
  /// Draws for the examples that find the sample full: `PATH`, or `PATH:NAME`.
  package var draws: String?
  package var output: OutputSettings

  package init(input: String, size: Int, output: OutputSettings) {
    (self.input, self.size, self.output) = (input, size, output)
  }

  /// A row of the sample: in the stream, or in the sample before.
  private struct Row: Sendable {
    var isOld: Bool
    var index: Int
    var id: Int
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    guard (1...1 << 28).contains(size) else {
      throw UsageError("\(setting: "size") is \(size), expected 1 to \((1 << 28).grouped)")
    }
    if seed != nil, draws != nil {
      throw UsageError("\(setting: "seed") has no effect beside given draws")
    }
    let (stream, old) = (try context.read(input), try old.map(context.read))
    let columns = stream.tensors
    for name in [Self.idsName, Self.seenName] where columns.contains(where: { $0.name == name }) {
      throw UsageError(
        "\(stream.path.printable) has a tensor '\(name)', which is a tensor of samples",
        hint: "rename it, or name a sample with \(setting: "old")")
    }
    guard let count = columns.first?.info.shape.dimensions.first,
      columns.allSatisfy({
        $0.info.shape.dimensions.first == count && $0.info.dtype.bitsPerElement >= 8
      }), count == 0 || columns.contains(where: { $0.info.elementCount > 0 })
    else {
      throw UsageError(
        "\(stream.path.printable) is not a stream, whose tensors have a row for each example")
    }
    let rows = try rows(count, old, columns, context)
    var output = stream
    output.companions = []
    output.tensors = try columns.map { column in
      try sampled(column, old?.tensors.first { $0.name == column.name }, rows.rows)
    }
    output.tensors.append(try Self.integers(Self.idsName, rows.rows.map(\.id)))
    output.tensors.append(try Self.integers(Self.seenName, [rows.seen]))
    return OutputRequest(
      options: [Lineage.Option("size", "\(size)")]
        + (draws == nil ? [Lineage.Option("seed", "\(seed ?? 0)")] : []),
      inputs: [stream] + [old].compactMap(\.self), output: output, carried: [])
  }

  /// Returns the rows of the sample after the stream.
  private func rows(
    _ count: Int, _ old: Checkpoint?, _ columns: [LazyTensor], _ context: OperationContext
  ) throws -> (rows: [Row], seen: Int) {
    var reservoir = Reservoir(size: size)
    var rows: [Row] = []
    if let old {
      let (ids, seen) = try sample(old, columns, context)
      reservoir = Reservoir(size: size, seen: seen)
      rows = ids.enumerated().map { Row(isOld: true, index: $0, id: $1) }
    }
    let start = reservoir.seen
    let given = try draws.map { text in
      try DataTensor(text, "integers with one dimension", preferred: ["draws"], context) {
        DataTensor.isInteger($0.dtype) && $0.shape.dimensions.count == 1
      }
    }
    let numbers = try given?.integers()
    let random = Draws("reservoir", seed: seed ?? 0)
    var drawn = 0
    for index in 0..<count {
      let full = reservoir.seen - size
      let place = try reservoir.offer { bound in
        guard let numbers else { return random.number(below: bound, step: full, index: 0) }
        guard drawn < numbers.count, (0..<bound).contains(numbers[drawn]) else {
          throw FormatError(
            .trainingData,
            "draw \(drawn) is missing or outside of 0 to \(bound - 1)", path: given?.path ?? "",
            tensor: given?.tensor.name)
        }
        drawn += 1
        return numbers[drawn - 1]
      }
      guard let place else { continue }
      let row = Row(isOld: false, index: index, id: start + index)
      if place == rows.count { rows.append(row) } else { rows[place] = row }
    }
    return (rows, reservoir.seen)
  }

  /// Returns the numbers of the examples of an earlier sample, and the number of examples that it has seen.
  /// - Throws: ``FormatError`` unless it is a sample of the same size, with the tensors of the stream.
  private func sample(
    _ old: Checkpoint, _ columns: [LazyTensor], _ context: OperationContext
  ) throws -> (ids: [Int], seen: Int) {
    func numbers(_ name: String) throws -> [Int] {
      guard let tensor = old.tensors.first(where: { $0.name == name }) else {
        throw FormatError(
          .trainingData, "has no tensor '\(name)', so it is not a sample", path: old.path,
          hint: "name the output of an earlier \(Self.verb)")
      }
      return try DataTensor(tensor, of: old, path: old.path, context).integers()
    }
    let (ids, found) = (try numbers(Self.idsName), try numbers(Self.seenName))
    guard found.count == 1, let seen = found.first, (0...Reservoir.maximumSeen).contains(seen),
      ids.allSatisfy({ (0..<seen).contains($0) })
    else {
      throw FormatError(
        .trainingData,
        "is not the number of examples so far, expected one number from 0 to 2^48 above all ids",
        path: old.path, tensor: Self.seenName)
    }
    let fits = columns.allSatisfy { column in
      old.tensors.contains {
        $0.name == column.name && $0.info.dtype == column.info.dtype
          && $0.info.shape.dimensions == [ids.count] + column.info.shape.dimensions.dropFirst()
      }
    }
    guard fits, old.tensors.count == columns.count + 2, ids.count == min(size, seen) else {
      throw FormatError(
        .trainingData,
        "is a sample of another stream or size: it has \(ids.count.counted("example")) of \(seen)",
        path: old.path, hint: "use the sample of the same data, with the same size")
    }
    return (ids, seen)
  }

  private func sampled(
    _ column: LazyTensor, _ old: LazyTensor?, _ rows: [Row]
  ) throws -> LazyTensor {
    let info = column.info
    let shape = [rows.count] + info.shape.dimensions.dropFirst()
    let size = shape.dropFirst().reduce(1, *)
    return try DerivedTensor.tensor(info.name, info.dtype, shape, inputByteCount: 0) {
      var bytes: [UInt8] = []
      for row in rows {
        guard let source = row.isOld ? old : column else { continue }
        bytes += try source.bytes(of: row.index * size..<(row.index + 1) * size)
      }
      return bytes
    }
  }

  private static func integers(_ name: String, _ numbers: [Int]) throws -> LazyTensor {
    try DerivedTensor.tensor(name, .i64, [numbers.count], inputByteCount: 0) {
      numbers.flatMap { number in
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      }
    }
  }
}

extension LazyTensor {
  /// Returns the bytes of some elements.
  func bytes(of elements: Range<Int>) throws -> [UInt8] {
    let range = info.bytes(of: elements)
    var values = ByteBuffer(byteCount: range.count)
    var scratch = ByteBuffer(byteCount: source.scratchByteCount(elementCount: elements.count))
    var span = values.mutableBytes
    var room = scratch.mutableBytes
    try source.read(elements, into: &span, scratch: &room)
    return values.bytes.array()
  }
}
