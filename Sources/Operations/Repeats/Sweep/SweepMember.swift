import Base
import Charts
import Repeats

/// The data of a training in a sweep.
enum SweepVariant: Sendable, Hashable {
  /// All sequences are unique.
  case unique
  /// A share of the data repeats a subset.
  case repeated(share: Double, times: Int)
  /// The unique part alone of the data with this share of repeats.
  case control(share: Double)

  /// The part of the name of a member, such as `p0.5-r32`.
  var name: String {
    switch self {
    case .unique: "unique"
    case .repeated(let share, let times): "p\(Self.text(share))-r\(times)"
    case .control(let share): "p\(Self.text(share))-control"
    }
  }

  /// The data for people.
  var text: String {
    switch self {
    case .unique: "unique"
    case .repeated(let share, let times): "\(share.briefPercentage) \(times.grouped) times"
    case .control(let share): "without \(share.briefPercentage)"
    }
  }

  /// The share of repeats in the data, or in those that a control is a part of.
  var share: Double {
    switch self {
    case .unique: 0
    case .repeated(let share, _), .control(let share): share
    }
  }

  /// The number of times that each sequence of the subset occurs; 1 without one.
  var times: Int {
    switch self {
    case .unique, .control: 1
    case .repeated(_, let times): times
    }
  }

  var isControl: Bool {
    switch self {
    case .unique, .repeated: false
    case .control: true
    }
  }

  /// Returns the mixture for data of a length.
  /// - Throws: ``UsageError`` if the data are too short for it.
  func mixture(count: Int) throws(UsageError) -> Mixture {
    switch self {
    case .unique: return try Mixture(count: count, share: 0, times: 1)
    case .repeated(let share, let times):
      return try Mixture(count: count, share: share, times: times)
    case .control(let share):
      let mixture = try Mixture(count: count, share: share, times: 1)
      guard mixture.repeatedCount > 0 else {
        throw UsageError(
          "a share of \(share.briefPercentage) is less than one of \(count.counted("sequence")), so that its control "
            + "would have all of them",
          hint: "use a larger share, more tokens or shorter sequences")
      }
      guard let control = mixture.control else {
        throw UsageError("a control of data without a unique part has no data")
      }
      return control
    }
  }

  private static func text(_ share: Double) -> String { share == 1 ? "1" : "\(share)" }
}

/// A training of a sweep: a size, data and a seed.
struct SweepMember: Sendable, Hashable {
  /// The name of the size.
  var size: String
  var variant: SweepVariant
  /// The seed of the weights, of the choice of sequences and of their order.
  var seed: UInt64

  /// The name of its folder, such as `small-p0.5-r32-s0`.
  var name: String { "\(size)-\(variant.name)-s\(seed)" }
}
