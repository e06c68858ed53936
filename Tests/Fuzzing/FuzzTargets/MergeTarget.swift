import Base
import Merging
import Recipes

/// The fuzz target for the meaning of recipes: models, slices, parameters and the order of documents.
enum MergeTarget {
  static func run(_ bytes: [UInt8]) {
    guard let documents = try? RecipeFile.documents(bytes.span, path: "fuzz") else { return }
    var (recipes, errors) = MergeRecipeReader.recipes(documents, path: "fuzz")
    _ = RecipeSequence(recipes, path: "fuzz", errors: &errors)
    for error in errors { _ = error.description }
  }
}
