import Base
import Checkpoints

/// A long option of a step of a lineage on one line for people.
struct LongOption {
  /// The maximum number of characters.
  private static let limit = 400

  let text: String

  /// Documents in JSON lose their quotes, names are counted, and other texts are cut.
  init(_ option: Lineage.Option) {
    let value = option.value
    if option.name == Lineage.Option.namesName {
      let names = value.split(separator: "\n")
      text =
        "\(names.count.grouped) of them: "
        + Self.cut(names.map { String($0).printable }.joined(separator: ", "))
    } else if value.hasPrefix("{"), let document = Self.document(value) {
      text = Self.cut(Self.flow(document, isOutermost: true))
    } else {
      text = Self.cut(value.printable)
    }
  }

  private static func document(_ text: String) -> JSONValue? {
    let bytes = Array(text.utf8)
    return try? JSONValue.parse(bytes.rawSpan)
  }

  /// Returns a text with `…` at its end if it is too long.
  private static func cut(_ text: String) -> String {
    text.count > limit ? text.prefix(limit) + " …" : text
  }

  /// Returns a value in the flow style of YAML.
  private static func flow(_ value: JSONValue, isOutermost: Bool = false) -> String {
    if let object = value.asObject {
      let members = object.map { "\($0.key.printable): \(flow($0.value))" }
      let text = members.joined(separator: ", ")
      return isOutermost ? text : "{\(text)}"
    }
    if let list = value.asArray { return "[\(list.map { flow($0) }.joined(separator: ", "))]" }
    return value.asString?.printable ?? value.serialized()
  }
}
