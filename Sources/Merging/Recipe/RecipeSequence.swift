package import Base
import Recipes

/// The recipes of a file in the order in which they are run.
///
/// A file of mergekit-multi has several recipes. Those with a name make models that other recipes use by that name.
package struct RecipeSequence: Sendable {
  /// A recipe that makes a model for later recipes.
  package struct Intermediate: Sendable {
    package var name: String
    package var recipe: MergeRecipe
  }

  /// The recipes that the output needs, each after those that it uses.
  package private(set) var intermediates: [Intermediate] = []
  package var output: MergeRecipe

  /// Creates a sequence of a single recipe.
  package init(_ output: MergeRecipe) { self.output = output }

  /// Creates the sequence of the recipes of a file; the output is made by the recipe without a name, otherwise by the
  /// only one that no other recipe uses.
  ///
  /// - Parameter errors: Receives the errors, each with its line.
  package init(
    _ documents: [MergeRecipeReader.Document], path: String, errors: inout [any UserError]
  ) {
    var order = RecipeOrder(documents, path: path)
    let last = order.output()
    output = last.map { documents[$0].recipe } ?? MergeRecipe(method: "", base: nil, models: [])
    if let last { order.visit(last) }
    for index in order.sorted where index != last {
      guard let name = documents[index].name else { continue }
      var recipe = documents[index].recipe
      recipe.listBase()
      intermediates.append(Intermediate(name: name, recipe: recipe))
    }
    let unused = documents.indices.filter { !order.sorted.contains($0) }
    if order.errors.isEmpty, !unused.isEmpty {
      let names = unused.compactMap { documents[$0].name?.shown }.prefix(8)
      output.notes.append(
        "not merged because the output does not use them: \(names.joined(separator: ", "))")
    }
    errors += order.errors
  }
}

/// Sorts recipes so that each comes after those that it uses.
private struct RecipeOrder {
  private let documents: [MergeRecipeReader.Document]
  private let path: String
  private var indices: [String: Int] = [:]
  private var open: Set<Int> = []
  private var done: Set<Int> = []
  /// The recipes that were visited, each after those that it uses.
  private(set) var sorted: [Int] = []
  private(set) var errors: [any UserError] = []

  init(_ documents: [MergeRecipeReader.Document], path: String) {
    self.documents = documents
    self.path = path
    for (index, document) in documents.enumerated() {
      guard let name = document.name else { continue }
      if indices.updateValue(index, forKey: name) != nil {
        fault(document.line, "a second recipe has the name '\(name.shown)'")
      }
    }
  }

  private mutating func fault(_ line: Int, _ reason: Message, hint: Message? = nil) {
    errors.append(UsageError("\(path.printable): line \(line): " + reason, hint: hint))
  }

  /// Returns the recipes whose results a recipe uses, with or without an adapter.
  private func uses(_ index: Int) -> [Int] {
    documents[index].recipe.models.compactMap { model in
      indices[model] ?? model.lastIndex(of: "+").flatMap { indices[String(model[..<$0])] }
    }
  }

  /// Returns the recipe that makes the output; nil after a fault.
  mutating func output() -> Int? {
    let unnamed = documents.indices.filter { documents[$0].name == nil }
    guard unnamed.count <= 1 else {
      fault(
        documents[unnamed[1]].line, "a second recipe has no name",
        hint: "give a name to every recipe except the one that makes the output")
      return nil
    }
    if let output = unnamed.first { return output }
    let used = Set(documents.indices.flatMap { uses($0) })
    let unused = documents.indices.filter { !used.contains($0) }
    guard unused.count == 1, let output = unused.first else {
      guard !documents.isEmpty else { return nil }
      fault(
        documents[unused.dropFirst().first ?? 0].line,
        "\(unused.isEmpty ? "no" : "more than one") recipe makes a model that no other one uses",
        hint: "remove the name of the recipe that makes the output")
      return nil
    }
    return output
  }

  /// Adds a recipe to `sorted`, after those that it uses.
  /// - Complexity: The recursion is as deep as there are documents, which `RecipeFile.documentLimit` bounds.
  mutating func visit(_ index: Int) {
    guard !done.contains(index) else { return }
    guard open.insert(index).inserted else {
      return fault(
        documents[index].line,
        "the recipe '\((documents[index].name ?? "").shown)' uses its own result")
    }
    for other in uses(index) { visit(other) }
    if done.insert(index).inserted { sorted.append(index) }
  }
}
