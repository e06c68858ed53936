import Base
import Checkpoints
import Models
import TensorCore

/// The tensors that `--dtype` converts, and those that it leaves.
///
/// Parts of stored quantizations stay: codes have no meaning without their scales, and rounded scales would change every
/// value. Scales that the selection includes by name are converted.
struct CastScope {
  let cast: Cast
  /// The tensors that the cast converts.
  let converted: [LazyTensor]
  /// The selected tensors that have the dtype already.
  let alreadyThere: [LazyTensor]
  /// The selected tensors that stay because they are parts of a stored quantization.
  let quantized: [LazyTensor]
  /// The selected tensors that stay because of their dtype.
  let others: [LazyTensor]

  init(_ checkpoint: Checkpoint, to dtype: DType, saturating: Bool, selection: Selection) {
    let parts = Self.parts(of: checkpoint, selection)
    let cast = Cast(
      to: dtype, saturating: saturating, selection: selection, exempt: parts, decodesF8: true)
    self.cast = cast
    let selected = checkpoint.tensors.filter {
      $0.aliasOf == nil && selection.contains($0.name) && $0.info.elementCount > 0
    }
    converted = selected.filter(cast.applies)
    let rest = selected.filter { !cast.applies(to: $0) }
    quantized = rest.filter { parts.contains(UTF8Key($0.name)) }
    let free = rest.filter { !parts.contains(UTF8Key($0.name)) }
    alreadyThere = free.filter { $0.info.dtype == dtype }
    others = free.filter { $0.info.dtype != dtype }
  }

  /// Returns the names of parts of stored quantizations that a cast must leave.
  private static func parts(of checkpoint: Checkpoint, _ selection: Selection) -> Set<UTF8Key> {
    var names: Set<UTF8Key> = []
    for (tensor, role) in zip(checkpoint.tensors, TensorRole.roles(of: checkpoint)) {
      guard case .quantized = role else { continue }
      let isIncluded = selection.includesByName && tensor.info.dtype.isPlainFloat
      if !isIncluded { names.insert(UTF8Key(tensor.name)) }
    }
    return names
  }

  /// True if all plain floats that are not parts of a stored quantization have the dtype after the cast.
  func isUniform(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.tensors.allSatisfy {
      !$0.info.dtype.isPlainFloat || $0.info.dtype == cast.dtype
        || cast.exempt.contains(UTF8Key($0.name))
    }
  }

  // MARK: Messages

  /// Returns the error of a cast that converts nothing; nil if it converts a tensor.
  func error(path: String) -> UsageError? {
    guard converted.isEmpty, !(alreadyThere + quantized + others).isEmpty else { return nil }
    let name = cast.dtype.name
    let there =
      alreadyThere.isEmpty ? [] : ["\(alreadyThere.count.counted("tensor")) already \(name)"]
    let reasons = there + leftOut
    return UsageError(
      "\(setting: "dtype", name.lowercased()) converts no tensor of \(path.printable): "
        + reasons.joined(separator: "; "),
      hint: "leave out \(setting: "dtype")")
  }

  /// The notes about selected tensors that are not converted.
  var notes: [Message] {
    leftOut.isEmpty
      ? []
      : [
        "\(setting: "dtype", cast.dtype.name.lowercased()) does not convert "
          + leftOut.joined(separator: "; ")
      ]
  }

  private var leftOut: [String] {
    var texts: [String] = []
    if !quantized.isEmpty { texts.append("parts of stored quantizations: " + Self.list(quantized)) }
    if !others.isEmpty { texts.append("other dtypes: " + Self.list(others)) }
    return texts
  }

  /// Returns the numbers of tensors and values of each dtype, in the order of their first tensor.
  private static func list(_ tensors: [LazyTensor]) -> String {
    var dtypes: [DType] = []
    var counts: [DType: (tensors: Int, values: Int)] = [:]
    for tensor in tensors {
      let dtype = tensor.info.dtype
      if counts[dtype] == nil { dtypes.append(dtype) }
      counts[dtype, default: (0, 0)].tensors += 1
      counts[dtype, default: (0, 0)].values += tensor.info.elementCount
    }
    return dtypes.map { dtype in
      let count = counts[dtype] ?? (0, 0)
      return "\(count.tensors.counted("tensor")) of \(dtype.name) "
        + "(\(count.values.counted("value")))"
    }.joined(separator: ", ")
  }
}
