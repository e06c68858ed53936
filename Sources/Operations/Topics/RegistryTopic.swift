package import Base
import Checkpoints
package import Reporting

/// An entry of a registry as a topic of `sumac explain`: a method, a storage type, a codec, a format.
package struct RegistryTopic: Report {
  package static let schema = "sumac.topic/1"

  package let name: String
  /// The commands and options that use it.
  let usage: [String]
  package let text: String

  init(_ name: String, usage: [String] = [], _ text: String) {
    self.name = name
    self.usage = usage
    self.text = text
  }

  /// All entries of all registries, each name once: entries of the same name are joined.
  package static let all: [RegistryTopic] = merged(TopicGroup.registries.flatMap(\.topics))

  /// The topic of a name, in letters of either case and with or without the options of a type.
  package static subscript(name: String) -> RegistryTopic? {
    let name = name.lowercased()
    if let topic = all.first(where: { $0.name == name }) { return topic }
    let isType = (try? StorageType(name)) != nil
    return isType ? all.first { $0.name == name.prefix { $0 != ":" } } : nil
  }

  /// Joins topics of the same name.
  private static func merged(_ topics: [RegistryTopic]) -> [RegistryTopic] {
    topics.reduce(into: [RegistryTopic]()) { result, topic in
      if let index = result.firstIndex(where: { $0.name == topic.name }) {
        let first = result[index]
        result[index] = RegistryTopic(
          topic.name, usage: first.usage + topic.usage, first.text + "\n\n" + topic.text)
      } else {
        result.append(topic)
      }
    }
  }

  package var sections: [Section] {
    (usage.isEmpty ? [] : [.line(usage.joined(separator: "\n")), .line("")]) + [.line(text)]
  }

  package var records: Table {
    Table(
      ["topic", "usage", "text"].map { Table.Column($0) },
      rows: [[name, usage.joined(separator: "; "), text]])
  }

  package var members: JSONObject {
    [
      "topic": .string(name), "usage": .array(usage.map { .string($0) }), "text": .string(text),
    ]
  }

  package var lines: [JSONValue] { [.object(members)] }
}
