package import Base

extension MergeCoefficients {
  /// Creates a table of numbers that were learned.
  /// - Parameter ties: The share of each difference that is kept, 1 for all; nil to state none.
  package init(
    _ grouping: Grouping, models: [String]?, ties: Double? = nil, rows: [String: [Double]],
    path: String
  ) {
    self.path = path
    self.grouping = grouping
    self.models = models
    self.ties = ties
    self.rows = rows
  }

  /// The table as a file that the initializer reads, with rows in the order of `names`.
  package func document(rowsInOrder names: [String]) -> JSONObject {
    var coefficients = JSONObject()
    for name in names {
      coefficients[name] = .array((rows[name] ?? []).map { JSONValue($0) })
    }
    var document: JSONObject = [
      "grouping": .string(grouping.rawValue),
      "models": .array((models ?? []).map { .string($0) }),
    ]
    if let ties { document["ties"] = JSONValue(ties) }
    document["coefficients"] = .object(coefficients)
    return document
  }

  /// Returns the name of the row of a tensor in a table of a grouping.
  ///
  /// - Parameter blocks: The prefixes of the names of tensors in blocks, each with its dot.
  package static func rowName(
    of tensor: String, _ grouping: Grouping, blocks: [String]
  ) -> String {
    switch grouping {
    case .task: return "*"
    case .tensor: return tensor
    case .qkv:
      let names = fusedNames(of: tensor)
      return names.count > 1 ? names[1] : tensor
    case .block:
      if let block = blocks.first(where: { tensor.hasPrefix($0) }) {
        return String(block.dropLast())
      }
      return tensor.lastIndex(of: ".").map { String(tensor[..<$0]) } ?? tensor
    }
  }
}
