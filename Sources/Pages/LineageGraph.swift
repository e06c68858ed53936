import Base
import Charts

/// The steps of a lineage and their inputs as a graph.
enum LineageGraph {
  /// The maximum number of boxes; older steps are left out.
  private static let boxLimit = 120

  static func chart(_ steps: [JSONValue], result: String) -> StepGraph {
    var nodes: [StepGraph.Node] = []
    var nodeOfStep: [Int: Int] = [:]
    let first = max(0, steps.count - boxLimit / 2)
    for (number, step) in steps.enumerated().dropFirst(first) {
      var origins: [Int] = []
      for input in (step["inputs"]?.asArray ?? []).prefix(12) {
        if let origin = input["step"]?.asInt, let node = nodeOfStep[origin] {
          origins.append(node)
        } else if nodes.count < boxLimit {
          origins.append(nodes.count)
          nodes.append(
            StepGraph.Node(
              [
                input["name"]?.asString ?? "?",
                input["bytes"]?.asInt.map { ByteSize($0).description } ?? "",
                String((input["id"]?.asString ?? "").prefix(24)),
              ], origins: []))
        }
      }
      let options = step["options"]?.asObject ?? JSONObject()
      let shown = options.prefix(2).map { "\($0.key) \(text($0.value))" }
      let more = options.count > 2 ? ["… \(options.count - 2) more options"] : []
      let loss =
        step["loss"]?["relative_error"]?.asDouble.map { ["error \($0.briefPercentage)"] } ?? []
      nodeOfStep[number] = nodes.count
      nodes.append(
        StepGraph.Node([step["verb"]?.asString ?? "?"] + shown + more + loss, origins: origins))
    }
    if let last = nodeOfStep[steps.count - 1] {
      nodes.append(StepGraph.Node([result], origins: [last]))
    }
    return StepGraph("Steps that made this model, from left to right", nodes: nodes)
  }

  private static func text(_ value: JSONValue) -> String {
    value.asString ?? value.asArray?.compactMap(\.asString).joined(separator: ", ") ?? ""
  }
}
