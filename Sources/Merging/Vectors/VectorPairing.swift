import Base
import Checkpoints
import TensorCore

/// The tensors of a fine-tune matched with those of its base by name.
struct VectorPairing {
  private let tuned: Checkpoint
  private let base: Checkpoint
  private let isExact: Bool
  private let dtype: DType?

  /// The tensors whose differences, or whose values if the vector is exact, are stored.
  private(set) var pairs: [(tuned: LazyTensor, base: LazyTensor)] = []
  /// The tensors whose differences cannot be stored, so that their values must be equal.
  private(set) var twins: [PlannedTensor] = []
  /// The names of tensors of the fine-tune that are not selected.
  private(set) var excluded: [String] = []
  private var missing = GroupedNames()
  private var unequal = GroupedNames()

  /// Matches all selected tensors.
  ///
  /// - Parameters:
  ///   - tuned: The fine-tune.
  ///   - base: The base of the fine-tune.
  ///   - isExact: True if the vector restores the fine-tune bit for bit.
  ///   - dtype: The dtype of the differences; that of the base if nil.
  ///   - selection: The tensors to match.
  init(
    tuned: Checkpoint, base: Checkpoint, isExact: Bool, dtype: DType?, selection: Selection
  ) {
    self.tuned = tuned
    self.base = base
    self.isExact = isExact
    self.dtype = dtype
    var remaining: [UTF8Key: LazyTensor] = [:]
    for tensor in base.tensors { remaining[UTF8Key(tensor.name)] = tensor }
    for tensor in tuned.tensors {
      let other = remaining.removeValue(forKey: UTF8Key(tensor.name))
      if !selection.contains(tensor.name) {
        excluded.append(tensor.name)
      } else if let other {
        add(tensor, other)
      } else {
        missing.add(tensor.name, to: "\(base.path.printable) has no", hint: Self.excludeHint)
      }
    }
    for tensor in base.tensors
    where remaining[UTF8Key(tensor.name)] != nil && selection.contains(tensor.name) {
      missing.add(tensor.name, to: "\(tuned.path.printable) has no", hint: Self.excludeHint)
    }
  }

  private static let excludeHint: Message = "exclude it with \(setting: "exclude")"

  /// The errors of tensors that are missing in one model or do not match.
  var errors: [any UserError] {
    var errors: [any UserError] = []
    errors += missing.map { UsageError("\($0) \($1)", hint: $2) }
    errors += unequal.map { UsageError("\($1): \($0)", hint: $2) }
    return errors
  }

  private mutating func add(_ tensor: LazyTensor, _ other: LazyTensor) {
    let (info, baseInfo) = (tensor.info, other.info)
    guard info.shape == baseInfo.shape else {
      return unequal.add(
        info.name, to: "\(info.shape) in the fine-tune, \(baseInfo.shape) in the base",
        hint: Self.excludeHint)
    }
    // An alias has the same difference as the tensor that it is an alias of.
    guard tensor.aliasOf == nil || other.aliasOf == nil else { return }
    if !isExact, info.dtype.isPlainFloat, baseInfo.dtype.isPlainFloat {
      guard baseInfo.dtype != .f64 || dtype != nil else {
        return unequal.add(
          info.name, to: "F64 differences cannot be stored in full precision",
          hint: "pass \(setting: "dtype") f32, or convert the models")
      }
      pairs.append((tensor, other))
      return
    }
    guard info.dtype == baseInfo.dtype else {
      return unequal.add(
        info.name,
        to: "\(info.dtype.name) in the fine-tune, \(baseInfo.dtype.name) in the base",
        hint: isExact
          ? "convert one of them with \(setting: "dtype"), or extract without \(setting: "exact")"
          : Self.excludeHint)
    }
    if isExact, info.dtype.bitsPerElement % 8 == 0 {
      pairs.append((tensor, other))
    } else {
      twins.append(PlannedTensor(tensor, twin: other, of: tuned, base))
    }
  }
}

extension PlannedTensor {
  /// Creates a tensor whose values must be equal in both models.
  fileprivate init(
    _ tensor: LazyTensor, twin: LazyTensor, of tuned: Checkpoint, _ base: Checkpoint
  ) {
    self.init(
      info: tensor.info, operands: [Operand(tensor, path: tuned.path, dtype: nil)],
      combination: .one(scale: nil),
      twins: [Operand(twin, path: base.path, dtype: nil)], isCopied: true)
  }
}
