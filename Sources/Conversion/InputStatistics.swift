package import Base
package import Checkpoints
import Models
import Surveys
import TensorCore

/// The mean squares of the inputs of weights, from a file that `calibrate` wrote.
///
/// The file has, for each weight, the sums Σ x² over all tokens under `calibration.sum_squares.` and its name, and the
/// number of tokens under `calibration.count.` and its name.
package struct InputStatistics: Sendable {
  private static let sumPrefix = "calibration.sum_squares."
  private static let countPrefix = "calibration.count."

  private struct Entry: Sendable {
    var name: String
    /// Σ x² of each input.
    var sums: [Double]
    var sampleTotal: Double
  }

  private let path: String
  private var entries: [UTF8Key: Entry] = [:]

  /// Reads all statistics, which have a number for each input of each layer.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` if the file has no statistics, or numbers that are none.
  package init(_ checkpoint: Checkpoint) throws {
    path = checkpoint.path
    var tensors: [UTF8Key: LazyTensor] = [:]
    for tensor in checkpoint.tensors { tensors[UTF8Key(tensor.name)] = tensor }
    var faults: [any UserError] = []
    for tensor in checkpoint.tensors where tensor.name.hasPrefix(Self.sumPrefix) {
      let name = String(tensor.name.dropFirst(Self.sumPrefix.count))
      do {
        entries[UTF8Key(name)] = try entry(
          name, sums: tensor, count: tensors[UTF8Key(Self.countPrefix + name)])
      } catch let error as FormatError { faults.append(error) }
    }
    try SeveralErrors.throwIfAny(faults)
    guard !entries.isEmpty else {
      throw FormatError(
        .calibration, "has no statistics of inputs: no tensor is named \(Self.sumPrefix)WEIGHT",
        path: path,
        hint: "make them with: \(command: "calibrate MODEL --data TEXT -o STATS.safetensors")")
    }
  }

  private func entry(_ name: String, sums: LazyTensor, count: LazyTensor?) throws -> Entry {
    guard sums.info.dtype == .f64, sums.info.shape.dimensions.count == 1 else {
      throw fault("is \(sums.info.dtype.name) \(sums.info.shape), expected F64 [inputs]", sums.name)
    }
    guard let count, count.info.dtype == .i64, count.info.elementCount == 1 else {
      throw fault("is missing or not one I64 number", Self.countPrefix + name)
    }
    let number = try Int64(bitPattern: Self.words(count)[0])
    guard number >= 0 else {
      throw fault("is \(number), expected a number of tokens", count.name)
    }
    let squares = try Self.words(sums).map { Double(bitPattern: $0) }
    if let place = squares.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
      throw fault("element \(place) is \(squares[place]), expected a sum of squares", sums.name)
    }
    return Entry(name: name, sums: squares, sampleTotal: Double(number))
  }

  private func fault(_ reason: String, _ tensor: String) -> FormatError {
    FormatError(
      .calibration, Message(reason), path: path, tensor: tensor,
      hint: "make the statistics again with \(command: "calibrate")")
  }

  /// Returns the numbers of 64 bits of a tensor.
  private static func words(_ tensor: LazyTensor) throws -> [UInt64] {
    let bytes = try tensor.bytes()
    return (0..<tensor.info.elementCount).map {
      bytes.rawSpan.littleEndian(UInt64.self, at: 8 * $0) ?? 0
    }
  }

  /// The memory of all statistics, and of those of one tensor as weights, in bytes.
  package var byteCount: Int {
    entries.values.reduce(0) { $0 + 8 * $1.sums.count + 256 }
      + (entries.values.map { 16 * $0.sums.count }.max() ?? 0)
  }

  // MARK: Check

  /// Returns the errors of statistics that are those of another model.
  package func errors(for checkpoint: Checkpoint) -> [any UserError] {
    let roles = TensorRoles(checkpoint)
    let owners = Self.owners(checkpoint)
    var errors: [any UserError] = []
    var unknown: [String] = []
    for entry in entries.values.sorted(by: { $0.name.precedesAsBytes($1.name) }) {
      guard let tensor = owners[UTF8Key(entry.name)] else {
        unknown.append(entry.name)
        continue
      }
      let counts = InputChannels.fittingCounts(tensor.info, roles.rows(of: tensor.info))
      guard !counts.contains(entry.sums.count) else { continue }
      errors.append(
        UsageError(
          "\(path.printable): '\(entry.name.printable)' has statistics of "
            + "\(entry.sums.count.grouped) inputs, but the tensor has \(counts[0].grouped)",
          hint: "use the statistics of this model"))
    }
    if let first = unknown.first {
      let others = unknown.count > 1 ? " and \((unknown.count - 1).grouped) more" : ""
      errors.append(
        UsageError(
          "\(path.printable): has statistics of '\(first.printable)'\(others), but "
            + "\(checkpoint.path.printable) has no such tensor",
          hint: "use the statistics of this model"))
    }
    return errors
  }

  /// Returns the tensor that has the values of each name.
  private static func owners(_ checkpoint: Checkpoint) -> [UTF8Key: LazyTensor] {
    var tensors: [UTF8Key: LazyTensor] = [:]
    for tensor in checkpoint.tensors { tensors[UTF8Key(tensor.name)] = tensor }
    var owners = tensors
    for tensor in checkpoint.tensors {
      if let target = tensor.aliasOf { owners[UTF8Key(tensor.name)] = tensors[UTF8Key(target)] }
    }
    return owners
  }

  // MARK: Weights

  /// Returns the mean squares of the inputs of each tensor that has values of its own, together with those of its
  /// aliases, such as an output layer that is tied to the embeddings.
  ///
  /// Tensors without statistics, or whose layer got no token, are left out.
  func meanSquares(for checkpoint: Checkpoint) -> [UTF8Key: [Double]] {
    let owners = Self.owners(checkpoint)
    var sums: [UTF8Key: Entry] = [:]
    for tensor in checkpoint.tensors {
      guard let entry = entries[UTF8Key(tensor.name)], let owner = owners[UTF8Key(tensor.name)]
      else { continue }
      let key = UTF8Key(owner.name)
      guard let other = sums[key], other.sums.count == entry.sums.count else {
        sums[key] = entry
        continue
      }
      sums[key]?.sums = zip(other.sums, entry.sums).map { $0 + $1 }
      sums[key]?.sampleTotal += entry.sampleTotal
    }
    return sums.filter { $0.value.sampleTotal > 0 }.mapValues { entry in
      entry.sums.map { $0 / entry.sampleTotal }
    }
  }
}

extension FormatError.Code {
  package static let calibration = FormatError.Code(
    "convert.calibration",
    meaning: "A file of statistics for the choice of types has none, or numbers that are none.",
    remedy: "Make the file with sumac calibrate, from the model that is converted.")
}
