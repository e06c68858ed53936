package import Base
import CacheCompression
import Checkpoints
import Codecs
import Merging
package import Reporting
import RotaryScaling
import TensorCore

/// A method or storage type as a topic of `sumac explain`, from the registries of the methods.
package struct MethodTopic: Report {
  package static let schema = "sumac.topic/1"

  package let name: String
  /// The commands and options that use it.
  private let usage: [String]
  private let text: String

  private init(_ name: String, usage: [String], _ text: String) {
    self.name = name
    self.usage = usage
    self.text = text
  }

  /// All methods and types, each name once.
  package static let all: [MethodTopic] = merged(pruning + merging + rope + caches + types)

  /// The topic of a name, in letters of either case and with or without the options of a type.
  package static subscript(name: String) -> MethodTopic? {
    let name = name.lowercased()
    if let topic = all.first(where: { $0.name == name }) { return topic }
    let isType = (try? StorageType(name)) != nil
    return isType ? all.first { $0.name == name.prefix { $0 != ":" } } : nil
  }

  /// Joins topics of the same name.
  private static func merged(_ topics: [MethodTopic]) -> [MethodTopic] {
    topics.reduce(into: [MethodTopic]()) { result, topic in
      if let index = result.firstIndex(where: { $0.name == topic.name }) {
        let first = result[index]
        result[index] = MethodTopic(
          topic.name, usage: first.usage + topic.usage, first.text + "\n" + topic.text)
      } else {
        result.append(topic)
      }
    }
  }

  package var sections: [Section] {
    [.line(usage.joined(separator: "\n")), .line(""), .line(text)]
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

// MARK: Registries

extension MethodTopic {
  private static var pruning: [MethodTopic] {
    PruneSettings.Method.allCases.map { method in
      MethodTopic(
        method.rawValue, usage: ["sumac prune --by \(method.rawValue)"], text(of: method))
    }
  }

  private static func text(of method: PruneSettings.Method) -> String {
    switch method {
    case .pqi:
      """
      The PQ Index measures how unequal the magnitudes of d weights are:
      I = 1 - d^(1/q - 1/p) * |w|_p / |w|_q, with 0 < p < q. It is 0 if all are equal and grows
      with sparsity. A theorem derives the number of weights to keep from it:
      at least d * (1 - I)^(pq/(q - p)) * (1 + eta)^(-q/(q - p)). Weights with the smallest
      magnitudes are set to zero; at most the share --beta in each iteration.
      What it loses: the values of the pruned weights. Others keep every bit.
      Source: Diao et al., "Pruning Deep Neural Networks from a Sparsity Perspective", ICLR 2023.
      """
    case .magnitude:
      """
      Sets the share --amount of the weights with the smallest magnitudes to zero, among all
      weights, those of a layer, or those of a neuron (--scope).
      What it loses: the values of the pruned weights.
      """
    case .nm:
      """
      Keeps the n largest of every m consecutive weights of a row (--pattern, default 2:4), as
      sparse tensor cores require.
      What it loses: the values of the other m - n weights.
      """
    case .random:
      """
      Sets a random share --amount of the weights to zero, reproducibly for a --seed. A baseline
      for comparisons. What it loses: the values of the pruned weights.
      """
    case .wanda:
      """
      Ranks each weight by its magnitude times the norm of its input feature (--norms), within
      each neuron, and sets the share --amount or all but a --pattern to zero.
      What it loses: the values of the pruned weights.
      Source: Sun et al., "A Simple and Effective Pruning Approach for Large Language Models", 2023.
      """
    }
  }

  private static var merging: [MethodTopic] {
    MergeMethods.all.map { method in
      let parameters = method.parameters.map { parameter in
        let value =
          switch parameter.defaultValue {
          case .number(let number): "default \(number)"
          case .bool(let flag): "default \(flag)"
          case .required: "required"
          case .optional: "optional"
          }
        return "  \(parameter.name): \(value)\(parameter.isPerModel ? ", for each model" : "")"
      }
      return MethodTopic(
        method.name, usage: ["sumac merge --method \(method.name)"],
        """
        Result: \(method.summary).\(details(ofMerge: method.name))
        \(method.needsBase ? "Needs the base that the models were tuned from.\n" : "")\
        Parameters:
        \(parameters.joined(separator: "\n"))
        """)
    }
  }

  private static func details(ofMerge name: String) -> String {
    switch name {
    case "ties":
      """

      Of the difference of each model from the base, the share density with the largest
      magnitudes is kept. For each value, the sign with the greater sum of weighted magnitudes
      is elected, and only differences of this sign are added to the base.
      What it loses: small differences, and those of the other sign.
      Source: Yadav et al., "TIES-Merging", NeurIPS 2023.
      """
    default: ""
    }
  }

  private static var rope: [MethodTopic] {
    RopeMethod.allCases.map { method in
      MethodTopic(
        method.rawValue, usage: ["sumac rope scale --method \(method.rawValue)"],
        "Rotary frequencies for a longer context: \(method.summary).\(details(of: method))")
    }
  }

  private static func details(of method: RopeMethod) -> String {
    switch method {
    case .clex:
      """

      A model tuned with CLEX contains a small network that continues its frequencies as a
      differential equation of the length. The equation is solved for one length, --time times
      the trained one, and the frequencies are frozen, so that any runtime can use the model.
      What it loses: the frequencies of other lengths; --short-exact keeps those up to the
      trained length.
      Source: Chen et al., "CLEX: Continuous Length Extrapolation", ICLR 2024.
      """
    case .pi, .ntk, .dynamic, .yarn, .longrope, .llama3: ""
    }
  }

  private static var caches: [MethodTopic] {
    GearSettings.Method.allCases.map { method in
      MethodTopic(
        method.rawValue, usage: ["sumac cache pack --method \(method.rawValue)"],
        "A key-value cache, stored as: \(method.summary).\(details(of: method))")
    }
  }

  private static func details(of method: GearSettings.Method) -> String {
    switch method {
    case .gear:
      """

      Keys are quantized per channel and values per token, in groups of --group entries with
      codes of --bits. The share --outliers of the largest and smallest entries stays exact, and
      a product of rank --rank for each head approximates the error that remains.
      What it loses: the rest of that error, which cache inspect --against measures.
      Source: Kang et al., "GEAR", 2024.
      """
    case .gearL, .kivi, .kcvt, .gearKCVT, .gearLKCVT: ""
    }
  }

  private static var types: [MethodTopic] {
    StorageType.names.map { type in
      let loss =
        type.kind == .lossless
        ? "What it loses: nothing."
        : "What it loses: precision; the error of each tensor is recorded and shown by inspect."
      return MethodTopic(
        type.name, usage: ["sumac convert --type \(type.name)"],
        "\(type.summary). \(loss)\nOptions after a colon: see sumac explain types")
    }
  }
}
