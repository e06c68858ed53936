import Base
package import Checkpoints
import Coefficients
import Models
import TensorCore

extension Merging {
  package static let cardName = "README.md"

  /// Returns the output with a model card that describes how it was made.
  ///
  /// - Parameter intermediates: The recipes that make some of the inputs.
  package func withCard(
    _ checkpoint: Checkpoint, after intermediates: [RecipeSequence.Intermediate] = []
  ) throws -> Checkpoint {
    try checkpoint.replacingCompanion(Self.cardName, with: Array(card(intermediates).utf8))
  }

  private func card(_ intermediates: [RecipeSequence.Intermediate]) -> String {
    let made = Set(intermediates.map(\.name))
    let paths = intermediates.flatMap(\.recipe.models) + inputs.map(\.path)
    var seen: Set<String> = []
    let names = paths.filter { !made.contains($0) }.map { FileSystem.ownName(of: $0) }.filter {
      seen.insert($0).inserted
    }
    let recipes =
      intermediates.map { "name: \(MergeRecipe.text($0.name))\n\($0.recipe.yaml)" } + [recipe.yaml]
    let base = recipe.base.map { FileSystem.ownName(of: $0) }
    let models = names.filter { $0 != base }.map { "- \($0.printable)\n" }.joined()
    return """
      ---
      base_model:
      \(names.map { "- \(MergeRecipe.text($0))" }.joined(separator: "\n"))
      library_name: transformers
      tags:
      - merge
      - sumac
      ---
      # Merge of \(names.map(\.printable).joined(separator: ", "))

      Merged with sumac \(Version.current) by the method `\(method.name)`: \(method.summary)\
      \(base.map { ", with \($0.printable) as the base" } ?? "").

      Models:

      \(models)
      Recipe, for `sumac merge --recipe`:

      ```yaml
      \(recipes.joined(separator: "---\n"))```

      """
  }

  /// The options that determine the result together with the inputs.
  package var lineageOptions: [Lineage.Option] {
    var result = [Lineage.Option("recipe", recipe.line)]
    let isRandom = tensors.contains { tensor in
      guard case .taskVectors(let vectors) = tensor.combination else { return false }
      return vectors.vectors.contains { $0.trim.isRandom }
    }
    if isRandom { result.append(Lineage.Option("seed", String(options.seed))) }
    if options.scope != .tensor {
      result.append(Lineage.Option("scope", options.scope.rawValue))
    }
    if let table = options.coefficients {
      result.append(Lineage.Option("coefficients", table.text))
    }
    if options.truncatesEmbeddings {
      result.append(Lineage.Option("unsafe-truncate-embeddings", "true"))
    }
    return result + options.selection.lineageOptions
  }
}

extension Trim {
  fileprivate var isRandom: Bool {
    switch self {
    case .random, .ranked: true
    case .all, .nothing, .largest, .atLeast, .afterLargest: false
    }
  }
}

extension MergeCoefficients {
  /// The grouping and the rows as JSON on one line.
  fileprivate var text: String {
    var object = JSONObject()
    for (name, numbers) in rows.sorted(by: { $0.key.precedesAsBytes($1.key) }) {
      object[name] = .array(numbers.map { JSONValue($0) })
    }
    return JSONValue.object([
      "grouping": .string(grouping.rawValue), "coefficients": .object(object),
    ]).serialized()
  }
}
