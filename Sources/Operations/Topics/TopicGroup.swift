package import Base
package import Reporting

/// A group of topics of `sumac explain`, such as the methods of merging.
package struct TopicGroup: Sendable {
  /// The name of the group in JSON.
  package let name: String
  /// The title for people.
  package let title: String
  /// The topics of the group, from a registry.
  let topics: [RegistryTopic]

  private init(_ name: String, _ title: String, _ topics: [RegistryTopic]) {
    self.name = name
    self.title = title
    self.topics = topics
  }

  /// A group for each registry, one line each.
  package static let registries = [
    TopicGroup("pruning", "Methods of pruning", RegistryTopic.pruning),
    TopicGroup("rounds", "Rules of rounds of training and pruning", RegistryTopic.rounds),
    TopicGroup("merging", "Methods of merging", RegistryTopic.merging),
    TopicGroup("rope", "Methods for a longer context", RegistryTopic.rope),
    TopicGroup("rope-types", "Rope types of configurations", RegistryTopic.ropeTypes),
    TopicGroup("caches", "Methods of cache compression", RegistryTopic.caches),
    TopicGroup("types", "Storage types", RegistryTopic.types),
    TopicGroup("value-codecs", "Codecs of values", RegistryTopic.valueCodecs),
    TopicGroup("index-codecs", "Codecs of positions", RegistryTopic.indexCodecs),
    TopicGroup("containers", "Containers", RegistryTopic.containers),
    TopicGroup("layouts", "Layouts of caches", RegistryTopic.layouts),
    TopicGroup("engines", "Engines", RegistryTopic.engines),
  ]

  /// The names of the topics.
  package var names: [String] { topics.map(\.name) }
}

/// The list of all topics, as `sumac explain` prints it without a subject.
package struct TopicList: Report {
  package static let schema = "sumac.topics/1"

  /// A group with the names of its topics.
  private struct Part {
    var name: String
    var title: String
    var topics: [String]
    /// The text for people, if it is not the names.
    var text: String?
  }

  private let parts: [Part]

  package init() {
    let codes = ErrorCatalogue.all.map(\.description)
    parts =
      [Part(name: "general", title: "General", topics: Topic.allCases.map(\.rawValue))]
      + TopicGroup.registries.map { Part(name: $0.name, title: $0.title, topics: $0.names) }
      + [
        Part(
          name: "errors", title: "Codes of errors", topics: codes,
          text: "\(codes.count.grouped) of them; to list them: sumac explain error-codes")
      ]
  }

  /// The names of all topics, each once, with the codes of errors.
  package static let names: [String] = {
    var seen: Set<String> = []
    return TopicList().parts.flatMap(\.topics).filter { seen.insert($0).inserted }
  }()

  /// The width of the text, which is the same in a pipe and in a terminal.
  private static let width = 80

  package var sections: [Section] {
    let blocks = parts.map { part in
      let text = part.text.map { [$0] } ?? Self.lines(part.topics)
      return ([part.title] + text.map { "  " + $0 }).joined(separator: "\n")
    }
    return [
      .line(
        blocks.joined(separator: "\n\n") + "\n\nTo explain one of them: sumac explain TOPIC")
    ]
  }

  /// Returns names in lines that fit into the width.
  static func lines(_ names: [String]) -> [String] {
    var lines = [""]
    for (index, name) in names.enumerated() {
      let word = name + (index == names.count - 1 ? "" : ",")
      if let last = lines.last, !last.isEmpty {
        if last.count + 1 + word.count > width - 2 {
          lines.append(word)
        } else {
          lines[lines.count - 1] += " " + word
        }
      } else {
        lines[lines.count - 1] = word
      }
    }
    return lines
  }

  package var records: Table {
    Table(
      ["group", "topic"].map { Table.Column($0) },
      rows: parts.flatMap { part in part.topics.map { [part.name, $0] } })
  }

  package var members: JSONObject { ["groups": .array(lines)] }

  package var lines: [JSONValue] {
    parts.map { part in
      .object([
        "group": .string(part.name), "title": .string(part.title),
        "topics": .array(part.topics.map { .string($0) }),
      ])
    }
  }
}
