import Base

/// The reason why a tensor cannot be packed, and a hint if there is a remedy.
struct GearFault: Equatable, Sendable {
  let text: Message
  let hint: Message?

  init(_ text: Message, hint: Message? = nil) {
    self.text = text
    self.hint = hint
  }
}
