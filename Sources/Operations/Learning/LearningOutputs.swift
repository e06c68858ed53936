import Base
import Checkpoints

/// The checks of the outputs of a merge that learns its coefficients: the model, the table and the trajectory.
enum LearningOutputs {
  /// Checks before the work that every output can be written, and replaces neither another output nor an input.
  /// - Parameters:
  ///   - models: The paths of the models.
  ///   - replacesReports: True if the table and the trajectory replace existing files.
  /// - Throws: All errors together.
  static func check(
    _ settings: LearningSettings, models: [String], _ output: OutputSettings,
    replacesReports: Bool
  ) throws {
    let inputs = inputPaths(settings)
    var errors: [any UserError] = []
    do { try checkModel(output, inputs: inputs) } catch { errors.append(try asUserError(error)) }
    var places = try Set([OutputPlace(output.path)].compactMap(\.self))
    let others: [(option: String, path: String?)] = [
      ("save-coefficients", settings.table), ("trajectory", settings.trajectory),
    ]
    for (option, path) in others {
      guard let path else { continue }
      do {
        if let place = try OutputPlace(path), !places.insert(place).inserted {
          throw UsageError("\(path.printable) names the same file as another output")
        }
        try ReportFile.check(
          path, replacesExisting: replacesReports, inputs: models + inputs)
        guard try SideOutput.relativePath(of: path, inside: output.path) == nil else {
          throw UsageError(
            "\(path.printable) is inside the folder \(output.path.printable), which the model replaces"
          )
        }
      } catch let error as UsageError {
        errors.append(
          UsageError(
            "\(setting: option): " + error.message,
            hint: "choose another name with \(setting: option)"))
      } catch let error as any UserError {
        errors.append(OptionError(option, error))
      }
    }
    try SeveralErrors.throwIfAny(errors)
  }

  /// Returns the paths of everything that is read besides the models, without the names of tensors.
  static func inputPaths(_ settings: LearningSettings) -> [String] {
    let named = (settings.data + settings.labels).map(\.path) + [settings.draws].compactMap(\.self)
    // An architecture may be a list of sizes, which is the path of no file.
    let others = [settings.heads, settings.tokenizer, settings.architecture].compactMap(\.self)
    return TensorPath.files(of: named) + others
  }

  /// Checks the path of the merged model.
  private static func checkModel(_ output: OutputSettings, inputs: [String]) throws {
    guard output.path != OutputJob.standardOutputName else { return }
    try AtomicOutput(
      path: output.path, replacesExisting: output.replacesExisting,
      inputs: inputs.compactMap { try FileIdentity.ifPresent($0) }
    ).check(isDirectory: output.container.isFolder)
  }
}
