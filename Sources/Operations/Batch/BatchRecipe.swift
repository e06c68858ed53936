package import Base
import Recipes

/// The content of a file of jobs: models, and the steps for each of them.
package struct BatchRecipe: Sendable {
  /// The path of the output folder; nil if the file names none.
  package var output: String?
  /// The template of the names of the outputs.
  package var name: String?
  package var keepsIntermediates = false
  package var models: [BatchModel] = []
  /// The steps of models without options of their own.
  package var steps: [BatchStep] = []

  init() {}

  /// Reads a YAML or JSON file.
  /// - Throws: All faults of the file together, each with its line.
  package init(file path: String, parser: any BatchStepParser) throws {
    let value = try RecipeFile.read(path)
    var reader = BatchRecipeReader(path: path, parser: parser)
    self = try reader.recipe(value)
  }
}

extension FormatError.Code {
  package static let batchJobs = FormatError.Code(
    "batch.jobs",
    meaning: "A file of jobs has an unknown key, a wrong value, or steps that do not fit together.",
    remedy: "Correct the line that the message names.")
}
