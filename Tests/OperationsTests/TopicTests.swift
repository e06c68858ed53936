import Base
import Caches
import Checkpoints
import Codecs
import Containers
import Merging
import Operations
import Reporting
import Rotary
import RotaryScaling
import Testing

/// Every entry of every registry is a topic with a text.
@Suite struct TopicTests {
  /// The names in the registries, by the group in which `explain` lists them.
  private static let registries: [(group: String, names: [String])] = [
    ("pruning", PruneSettings.Method.allCases.map(\.rawValue)),
    ("rounds", ["lottery", "one-shot"]),
    ("merging", MergeMethods.names),
    ("rope", RopeMethod.allCases.map(\.rawValue)),
    ("rope-types", RopeTypes.all.map { $0.name }),
    ("types", StorageType.names.map(\.name)),
    ("value-codecs", CodecRegistry.valueCodecs.map { $0.name }),
    ("index-codecs", CodecRegistry.indexCodecs.map { $0.name }),
    ("containers", Containers.registry.all.map { $0.name.rawValue }),
    ("layouts", CacheLayouts.all.map { $0.name }),
    ("errors", ErrorCatalogue.all.map(\.description)),
    ("general", Topic.allCases.map(\.rawValue)),
  ]

  private static let names = registries.flatMap(\.names)

  @Test("an entry has a topic with text in whole sentences", arguments: names)
  func text(name: String) throws {
    let topic = try #require(ExplainOperation.topic(name), "\(name)")
    let members = topic.members
    let text = members["text"]?.asString ?? members["meaning"]?.asString ?? ""
    #expect(text.utf8.count > 40 || topic is ErrorReport, "\(name)")
    #expect(text.contains(".") || topic is Topic, "\(name)")
    #expect(ExplainOperation.topic(name.uppercased()) != nil)
    // Lines fit into a terminal; formulas of types and codes of errors are longer.
    let isLong = text.split(separator: "\n").contains { $0.count > 110 }
    #expect(!isLong || topic is ErrorReport || name == "error-codes", "\(name)")
    #expect(ExplainOperation.topicNames.contains(name))
  }

  @Test("the list has every entry in its group", arguments: registries)
  func list(group: String, names: [String]) throws {
    let listed = TopicList().lines.first { $0["group"]?.asString == group }
    #expect(listed?["topics"]?.asArray?.compactMap(\.asString) == names)
    #expect(!names.isEmpty)
  }

  @Test("the list has no empty group and no other names, and fits into 80 columns")
  func wholeList() throws {
    let lines = TopicList().lines
    #expect(lines.count == Self.registries.count + 2)
    #expect(lines.allSatisfy { $0["topics"]?.asArray?.isEmpty == false })
    let text = TopicList().rendered(as: .text, width: 80)
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(Set(ExplainOperation.topicNames).count == ExplainOperation.topicNames.count)
    #expect(ExplainOperation.topicNames.allSatisfy { ExplainOperation.topic($0) != nil })
  }

  @Test("entries of one name share a topic, with the uses of all")
  func joined() throws {
    let topic = try #require(ExplainOperation.topic("nm"))
    let usage = topic.members["usage"]?.asArray?.compactMap(\.asString) ?? []
    #expect(usage == ["sumac prune --by nm"])
    let text = try #require(topic.members["text"]?.asString)
    #expect(text.contains("sparse tensor cores") && text.contains("number of\nthe pattern"))
  }

  @Test("a type with options is the topic of the type", arguments: ["int4:g64", "INT4:sym"])
  func options(name: String) {
    #expect(ExplainOperation.topic(name)?.members["topic"]?.asString == "int4")
    #expect(ExplainOperation.topic("int4:nonsense") == nil)
  }

  @Test(
    "near names are suggested, the nearest first",
    arguments: [
      ("memroy", ["memory"]), ("dare", ["dare_linear", "dare_ties"]), ("slrep", ["slerp"]),
      ("zzzzzz", []), ("", []), ("safetensor", ["safetensors"]),
    ])
  func near(word: String, names: [String]) {
    let found = Nearest.names(word, of: ExplainOperation.topicNames)
    #expect(found.prefix(max(1, names.count)) == names.prefix(max(1, names.count)))
    #expect(found.count <= 3)
    #expect(names.isEmpty == found.isEmpty)
  }
}
