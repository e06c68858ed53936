package import Base

/// A fact that a user of a rescaled model should know.
package enum RopeNote: Sendable, Hashable {
  /// The model is already scaled to a length, and both scalings apply.
  case composed(typeName: String, length: Int)
  /// The earlier scaling of the model does not apply any more.
  case replaced(typeName: String)
  /// Both scalings together have no form of their own and are written as a factor for each pair.
  case writtenAsLongRope(method: String, typeName: String)
  /// The attention factor that the configuration states is not recomputed.
  case attentionStays(Double)
  /// Only some layers rotate, and are rescaled.
  case layersWithoutRotation(rotated: Int, total: Int)
  /// The attention factor applies to a part of each head.
  case attentionOfPart(rotated: Int, total: Int)
  /// Parameters of the earlier type are removed.
  case dropped(keys: [String])
  /// Neither the configuration nor a known architecture states the base.
  case baseAssumed(Double)
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
    case .composed(let typeName, let length): "composed \(typeName) \(length)"
    case .replaced(let typeName): "replaced \(typeName)"
    case .writtenAsLongRope(let method, let typeName): "as-longrope \(method) \(typeName)"
    case .attentionStays(let factor): "attention-stays \(factor)"
    case .layersWithoutRotation(let rotated, let total): "rotated-layers \(rotated) \(total)"
    case .attentionOfPart(let rotated, let total): "attention-of-part \(rotated) \(total)"
    case .dropped(let keys): "dropped \(keys.joined(separator: " "))"
    case .baseAssumed(let base): "base-assumed \(base)"
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
    case .composed(let typeName, let length):
      "the model is already scaled (\(typeName)): the new scaling counts from its \(length) positions, and both apply"
    case .replaced(let typeName):
      "the scaling of the model (\(typeName)) is replaced"
    case .writtenAsLongRope(let method, let typeName):
      "\(method) on top of \(typeName) is written as longrope, with a factor for each pair of dimensions"
    case .attentionStays(let factor):
      "attention_factor stays \(factor); \(setting: "attention-factor") sets another"
    case .layersWithoutRotation(let rotated, let total):
      "only \(rotated) of \(total) layers rotate and are rescaled; the others have no rotary embedding and stay as they are"
    case .attentionOfPart(let rotated, let total):
      "the attention factor multiplies \(rotated) of the \(total) dimensions of a head, the part that rotates; "
        + "to leave it out, pass \(setting: "attention-factor") 1"
    case .dropped(let keys):
      "removed from the rotary parameters: \(keys.map(\.printable).joined(separator: ", "))"
    case .baseAssumed(let base):
      "the model type is unknown and config.json has no rope_theta; the base \(base) is assumed"
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
