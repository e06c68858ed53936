package import Base

/// What a user should know of a rescaled model.
package enum RopeNote: Sendable, Hashable {
  /// The model was rescaled before; `isAssumed` if its trained length is only what it allows now.
  case rescaledBefore(typeName: String, trained: Int, isAssumed: Bool)
  /// The model was tuned with CLEX, and another method is used.
  case tunedWithCLEX
  /// The dynamic type counts from the trained length, which therefore stays.
  case lengthStays(Int)
  /// There are no trained tensors of CLEX; NTK-aware scaling takes their place.
  case untrainedCLEX(time: Int)
  /// Frequencies are those of one length at every length, beyond the trained one only if `isShortExact`.
  case frozen(time: Int, trained: Int, isShortExact: Bool)
  /// `log_scale` has its value at one length.
  case logScaleApproximated(length: Int)
  /// `log_scale` has no effect any more.
  case logScaleLeftOut

  /// Stable words with numbers, for lineages.
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

  package var message: Message {
    switch self {
    case .rescaledBefore(let typeName, let trained, let isAssumed):
      "the model was rescaled before (\(typeName)); this starts from "
        + (isAssumed
          ? "max_position_embeddings, \(trained), which may be more than it was trained with"
          : "its trained length, \(trained)")
    case .tunedWithCLEX:
      "the model was tuned with CLEX: its weights expect those frequencies, and its tensors of CLEX stay"
    case .lengthStays(let length):
      "max_position_embeddings stays \(length): the dynamic type counts from it, and runtimes go on "
        + "beyond it by themselves"
    case .untrainedCLEX(let time):
      "the model has no trained tensors of CLEX: this is NTK-aware scaling at \(time) times its length"
    case .frozen(let time, let trained, let isShortExact):
      "frequencies are those of \(time) times \(trained) positions at every length"
        + (isShortExact ? " beyond \(trained)" : "")
        + "; the trained model changes them as the length grows"
    case .logScaleApproximated(let length):
      "log_scale is approached by its value at \(length) positions, at every length"
    case .logScaleLeftOut:
      "log_scale is left out: queries are not scaled by the length; \(setting: "log-scale") approximate "
        + "sets its value at the full length"
    }
  }
}
