package import Base
package import Checkpoints
import Models
import TensorCore

extension Pruning {
  /// Returns the errors of a request that can be found from headers, without reading values.
  package func errors(for checkpoint: Checkpoint) -> [any UserError] {
    var errors = selection.errors(for: checkpoint)
    errors += aliasErrors(checkpoint)
    let tensors = tensorIndices(in: checkpoint).map { checkpoint.tensors[$0] }
    guard !tensors.isEmpty else {
      return errors + [
        UsageError(
          "no tensor of \(checkpoint.path.printable) is in scope"
            + (outOfScope(checkpoint).summary.map { ": \($0) are out of scope" } ?? ""),
          hint: "select tensors with \(setting: "include") GLOB")
      ]
    }
    for tensor in tensors where !tensor.info.dtype.isPlainFloat {
      errors.append(
        UsageError(
          "tensor '\(tensor.name.printable)' is \(tensor.info.dtype.name), but only F16, BF16, F32 and "
            + "F64 can be pruned",
          hint: "leave it out with \(setting: "exclude") '\(tensor.name.printable)'"))
    }
    let readings = sortedReadings(of: checkpoint)
    errors += score.errors(for: readings.map { ($0.tensor, $0.rows) })
    if case .amount(_, .neuron, _) = selecting {
      errors += readings.compactMap(Self.strideError)
    }
    if case .masks(let masks) = initialMask {
      errors += maskErrors(masks, tensors, checkpoint)
    }
    return errors
  }

  /// Returns an error for each alias that the selection treats in another way than its target.
  private func aliasErrors(_ checkpoint: Checkpoint) -> [any UserError] {
    checkpoint.tensors.compactMap { tensor in
      guard let target = tensor.aliasOf,
        selection.contains(tensor.name) != selection.contains(target)
      else { return nil }
      guard selection.contains(tensor.name) else {
        return UsageError(
          "'\(target.printable)' is in scope, but its alias '\(tensor.name.printable)' is not",
          hint: "both have the same values; exclude the target as well: "
            + "\(setting: "exclude") '\(target.printable)'")
      }
      return UsageError(
        "'\(tensor.name.printable)' is an alias of '\(target.printable)', which is not in scope",
        hint: "include the target as well: \(setting: "include") '\(target.printable)'")
    }
  }

  /// Returns the error of a tensor whose rows are too long to be gathered; nil if there is none.
  private static func strideError(_ reading: MaskedReading) -> (any UserError)? {
    let rows = reading.rows
    guard !rows.isContiguous, rows.length > SmallGroups.elementLimit else { return nil }
    return UsageError(
      "tensor '\(reading.tensor.name.printable)' has \(rows.length) inputs along a dimension that is "
        + "not the last, but neurons of at most \(SmallGroups.elementLimit) inputs can be compared there",
      hint: "use another scope, or leave the tensor out with \(setting: "exclude") "
        + "'\(reading.tensor.name.printable)'")
  }

  private static func isMask(_ info: TensorInfo) -> Bool {
    info.dtype == .u8 || info.dtype == .bool
  }

  /// Returns the errors of masks that do not match the tensors in scope.
  private func maskErrors(
    _ masks: [UTF8Key: LazyTensor], _ tensors: [LazyTensor], _ checkpoint: Checkpoint
  ) -> [any UserError] {
    guard masks.values.contains(where: { Self.isMask($0.info) }) || masks.isEmpty else {
      return [
        UsageError(
          "the \(setting: "mask") file contains no masks: none of its tensors is U8 or BOOL",
          hint: "create masks with \(setting: "save-mask")")
      ]
    }
    var errors: [any UserError] = []
    let known = Dictionary(
      checkpoint.tensors.map { (UTF8Key($0.name), $0) }, uniquingKeysWith: { first, _ in first })
    for (key, mask) in masks.sorted(by: { $0.value.name.precedesAsBytes($1.value.name) }) {
      guard let tensor = known[key] else {
        errors.append(
          UsageError(
            "the mask '\(mask.name.printable)' matches no tensor of \(checkpoint.path.printable)"))
        continue
      }
      if !Self.isMask(mask.info) {
        errors.append(
          UsageError(
            "the mask '\(mask.name.printable)' is \(mask.info.dtype.name), expected U8 or BOOL"))
      } else if mask.info.shape != tensor.info.shape {
        errors.append(
          UsageError(
            "the mask '\(mask.name.printable)' is \(mask.info.shape), but the tensor is "
              + "\(tensor.info.shape)"))
      }
    }
    for tensor in tensors where masks[UTF8Key(tensor.name)] == nil {
      errors.append(
        UsageError(
          "there is no mask for tensor '\(tensor.name.printable)', which is in scope",
          hint: "leave it out with \(setting: "exclude") '\(tensor.name.printable)'"))
    }
    return errors
  }

  /// Returns notes about masks that have no effect, because their tensors are out of scope.
  package func notes(for checkpoint: Checkpoint) -> [Message] {
    guard case .masks(let masks) = initialMask else { return [] }
    var used: Set<UTF8Key> = []
    for index in tensorIndices(in: checkpoint) {
      used.insert(UTF8Key(checkpoint.tensors[index].name))
    }
    // The mask of an alias is that of its target.
    for tensor in checkpoint.tensors {
      if let target = tensor.aliasOf, used.contains(UTF8Key(target)) {
        used.insert(UTF8Key(tensor.name))
      }
    }
    let unused = masks.filter { !used.contains($0.key) }.map(\.value.name)
      .sorted { $0.precedesAsBytes($1) }
    guard !unused.isEmpty else { return [] }
    let shown = unused.prefix(4).map { "'\($0.printable)'" }.joined(separator: ", ")
    let others = unused.count > 4 ? " and \((unused.count - 4).grouped) more" : ""
    return ["masks of tensors that are out of scope are not used: \(shown)\(others)"]
  }

  /// Returns the errors of rewinding the tensors in scope to `initial`.
  package func errors(rewinding checkpoint: Checkpoint, to initial: Checkpoint) -> [any UserError] {
    let known = Dictionary(
      initial.tensors.map { (UTF8Key($0.name), $0) }, uniquingKeysWith: { first, _ in first })
    return tensorIndices(in: checkpoint).compactMap { index in
      let tensor = checkpoint.tensors[index]
      guard let first = known[UTF8Key(tensor.name)] else {
        return UsageError(
          "\(initial.path.printable): has no tensor '\(tensor.name.printable)' to rewind to")
      }
      guard first.info.shape == tensor.info.shape, first.info.dtype.isPlainFloat else {
        return UsageError(
          "\(initial.path.printable): '\(tensor.name.printable)' is \(first.info.dtype.name) "
            + "\(first.info.shape), expected floats of \(tensor.info.shape)")
      }
      return nil
    }
  }
}
