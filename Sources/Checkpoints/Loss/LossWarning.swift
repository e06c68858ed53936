package import Base
import TensorCore

/// A warning about values that a change of dtype made infinite or zero.
package enum LossWarning {
  /// The number of tensors that are named for each kind of change.
  private static let namedCount = 4

  /// Returns the warning for the tensors of an output; nil if no value became infinite or zero.
  package static func message(for losses: [TensorLoss]) -> Message? {
    let changes =
      changes(losses, "became infinite", \.infinities) + changes(losses, "became zero", \.zeros)
    guard let first = changes.first else { return nil }
    let start = "\(first.count) value\(first.count == 1 ? "" : "s") \(first.text)"
    let rest = changes.dropFirst().map { "\($0.count) \($0.text)" }
    return Message(([start] + rest).joined(separator: "; "))
  }

  private static func changes(
    _ losses: [TensorLoss], _ verb: String, _ count: (ValueLoss) -> Int
  ) -> [(count: Int, text: String)] {
    let changed = losses.filter { count($0.loss) > 0 }.sorted {
      let (left, right) = (count($0.loss), count($1.loss))
      return left == right ? $0.name.precedesAsBytes($1.name) : left > right
    }
    var result = changed.prefix(namedCount).map {
      (count: count($0.loss), text: "\(verb) in \($0.name.printable)")
    }
    let rest = changed.dropFirst(namedCount)
    if !rest.isEmpty {
      let total = rest.reduce(0) { $0 + count($1.loss) }
      result.append((total, "\(verb) in \(rest.count.counted("other tensor"))"))
    }
    return result
  }
}
