import Base
import Merging
import Recipes
import Testing

/// Tests files with several recipes.
@Suite struct RecipeSequenceTests {
  private static func sequence(_ text: String) throws -> (RecipeSequence, [String]) {
    let read = MergeRecipeReader.recipes(
      try RecipeFile.documents(text, path: "r.yaml"), path: "r.yaml")
    var errors = read.errors
    let sequence = RecipeSequence(read.documents, path: "r.yaml", errors: &errors)
    return (sequence, errors.map(\.description))
  }

  private static func document(_ name: String?, _ models: String) -> String {
    (name.map { "name: \($0)\n" } ?? "")
      + "merge_method: linear\nmodels: [\(models)]\nparameters: {weight: 1}\n"
  }

  @Test("recipes of a file run after those that they use, and the one without a name comes last")
  func order() throws {
    let text = [
      Self.document(nil, "second, a"), Self.document("second", "first+x, b"),
      Self.document("first", "a, b"), Self.document("other", "a"),
    ].joined(separator: "---\n")
    let (sequence, errors) = try Self.sequence(text)
    #expect(errors.isEmpty)
    #expect(sequence.intermediates.map(\.name) == ["first", "second"])
    #expect(sequence.output.models == ["second", "a"])
    #expect(sequence.output.notes.contains { $0.contains("other") })
    let (named, none) = try Self.sequence(
      Self.document("x", "a, b") + "---\n" + Self.document("y", "x, b"))
    #expect(none.isEmpty && named.intermediates.map(\.name) == ["x"])
    #expect(named.output.models == ["x", "b"])
  }

  @Test(
    "recipes of a file without an order or an output are refused",
    arguments: [
      ([(nil, "a"), (nil, "b")], "line 5: a second recipe has no name"),
      ([("x", "a"), ("x", "b"), (nil, "x")], "line 6: a second recipe has the name 'x'"),
      ([("x", "y"), ("y", "x"), (nil, "x")], "line 1: the recipe 'x' uses its own result"),
      ([("x", "a"), ("y", "b")], "line 6: more than one recipe makes a model"),
    ] as [([(String?, String)], String)])
  func disorder(documents: [(String?, String)], reason: String) throws {
    let text = documents.map { Self.document($0.0, $0.1) }.joined(separator: "---\n")
    let (_, errors) = try Self.sequence(text)
    #expect(errors.count == 1 && errors[0].contains(reason), "\(errors)")
  }
}
