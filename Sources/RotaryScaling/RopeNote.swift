package import Base

/// A fact that a user of a rescaled model should know.
package enum RopeNote: Sendable, Hashable {
  /// The model was already rescaled. `isAssumed` is true if the trained length is taken from the current maximum.
  case rescaledBefore(typeName: String, trained: Int, isAssumed: Bool)
  /// The model was tuned with CLEX, but another method is used.
  case tunedWithCLEX
  /// The maximum length stays, because the dynamic type scales from the trained length.
  case lengthStays(Int)
  /// The model has no trained CLEX tensors; NTK-aware scaling is used instead.
  case untrainedCLEX(time: Int)
  /// The frequencies for one length are used at every length; if `isShortExact`, only beyond the trained length.
  case frozen(time: Int, trained: Int, isShortExact: Bool)
  /// `log_scale` is replaced by its value at one length.
  case logScaleApproximated(length: Int)
  /// `log_scale` has no effect any more.
  case logScaleLeftOut

  /// A stable code with numbers, for lineages.
  package var code: String {
    switch self {
    case .rescaledBefore(let typeName, let trained, let isAssumed):
      "rescaled-before \(typeName) \(trained)" + (isAssumed ? " assumed" : "")
    case .tunedWithCLEX: "tuned-with-clex"
    case .lengthStays(let length): "length-stays \(length)"
    case .untrainedCLEX(let time): "untrained-clex \(time)"
    case .frozen(let time, let trained, let isShortExact):
      "frozen \(time) \(trained)" + (isShortExact ? " short-exact" : "")
    case .logScaleApproximated(let length): "log-scale-approximated \(length)"
    case .logScaleLeftOut: "log-scale-left-out"
    }
  }

  /// The text of the note.
  package var message: Message {
    switch self {
    case .rescaledBefore(let typeName, let trained, let isAssumed):
      "the model was rescaled before (\(typeName)); the new scaling starts from "
        + (isAssumed
          ? "max_position_embeddings, \(trained), which may be more than it was trained with"
          : "its trained length, \(trained)")
    case .tunedWithCLEX:
      "the model was tuned with CLEX: its weights expect the frequencies of CLEX, and its CLEX tensors are kept"
    case .lengthStays(let length):
      "max_position_embeddings stays \(length): the dynamic type scales from this length, and runtimes "
        + "exceed it on their own"
    case .untrainedCLEX(let time):
      "the model has no trained CLEX tensors; NTK-aware scaling to \(time) times its length is used instead"
    case .frozen(let time, let trained, let isShortExact):
      "frequencies are those of \(time) times \(trained) positions at every length"
        + (isShortExact ? " beyond \(trained)" : "")
        + "; the trained model changes them as the length grows"
    case .logScaleApproximated(let length):
      "log_scale is approximated by its value at \(length) positions, at every length"
    case .logScaleLeftOut:
      "log_scale is dropped: queries are no longer scaled by the length; \(setting: "log-scale") approximate "
        + "sets its value at the full length"
    }
  }
}
