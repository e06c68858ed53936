import Base
import Checkpoints
import Evaluation
import Pages
import Reporting

/// Measures the size and the error of a model in several storage types. Writes no model.
///
/// Each type is a conversion like that of ``ConvertOperation``: all tensors are encoded as they would be written, and the
/// bytes are counted, so that sizes and errors are those of the files that the conversions would write. For an
/// evaluation, one file at a time is kept in the folder for temporary files, without a name.
/// Complexity: the time of a conversion, and of the evaluation, for each type; the memory of one conversion.
package struct ConvertSweepOperation: Operation {
  package static let verb = "convert sweep"

  /// The conversion, whose storage has no type, and whose output has no path.
  package var conversion: ConvertOperation
  /// Types or terms, in any order; all types if nil.
  package var types: [String]?
  /// The plot, page or report to write in addition to the result.
  package var output: SweepOutput?

  package init(_ conversion: ConvertOperation) { self.conversion = conversion }

  private static let typeLimit = 1000

  package func run(_ context: OperationContext) throws -> OperationResult {
    let recipes = try recipes()
    try output?.check(inputs: inputPaths)
    let input = try context.identified([context.read(conversion.input)])[0]
    // Each plan starts from the headers that were read once, and its notes would be those of the plan before.
    var quiet = context
    quiet.observer = ProgressOnly(base: context.observer)
    quiet.plannedOutputs[conversion.input] = input
    let selection = try conversion.selection.selection()
    var evaluation: OutputEvaluation?
    var points: [ConvertSweepReport.Point] = []
    var skipped: [(recipe: TermRecipe, errors: [any UserError])] = []
    for recipe in recipes {
      try context.cancellation.check()
      let operation = plan(recipe)
      let request = try operation.request(quiet)
      let errors =
        try request.errors + operation.storage.unusedTypeErrors(recipe, for: input, selection)
      guard errors.isEmpty else {
        skipped.append((recipe, errors))
        continue
      }
      let run = OutputRun(request, verb: ConvertOperation.verb, operation.output, quiet)
      if let settings = conversion.evaluation, evaluation == nil {
        evaluation = try OutputEvaluation(
          of: run.request.output, against: input, settings, context)
      }
      let trial = try StoredTrial(
        run.request.output, run.options(for: run.container()), keepsFile: evaluation != nil,
        context)
      let figures = try evaluation.flatMap { evaluation in
        try trial.checkpoint(named: recipe.description, context).map {
          try evaluation.report(of: $0, named: recipe.description, context).members
        }
      }
      points.append(
        ConvertSweepReport.Point(recipe, trial, figures: figures.map { SweepFigures($0) }))
    }
    guard !points.isEmpty else { throw SeveralErrors(errors: skipped.first?.errors ?? []) }
    let report = ConvertSweepReport(
      model: conversion.input, inputByteCount: input.fileByteCount,
      valueCount: input.parameterCount, data: conversion.evaluation?.data, points: points,
      skipped: skipped.map { recipe, errors in
        ConvertSweepReport.Skipped(
          type: recipe.description, reason: errors[0].message.text(.commandLine))
      })
    try output?.write(report, plot: report.plot, page: SweepPage(report.document).page)
    if let output {
      context.observer.report(.note("\(output.path.printable): \(points.count.counted("type"))"))
    }
    context.observer.report(
      .measurement("peak resident memory \(ResidentMemory.peakByteCount) bytes"))
    return OperationResult(reports: [report])
  }

  /// Returns the conversion to a type or terms.
  private func plan(_ recipe: TermRecipe) -> ConvertOperation {
    var operation = conversion
    operation.output.path = "model.sumac"
    operation.evaluation = nil
    // One type is a sum of one term.
    operation.storage.type = nil
    operation.storage.terms = recipe.isType ? "dense:\(recipe)" : recipe.description
    return operation
  }

  private var inputPaths: [String] {
    [conversion.input] + (conversion.evaluation?.paths ?? [])
  }

  /// The types and terms to try, each once.
  /// - Throws: ``UsageError`` with all that is wrong.
  private func recipes() throws -> [TermRecipe] {
    var errors: [any UserError] = []
    let storage = conversion.storage
    if storage.type != nil || storage.terms != nil || storage.hasTarget {
      errors.append(
        UsageError(
          "\(setting: "sweep") tries one type after another for all weights",
          hint:
            "leave out \(setting: "type"), \(setting: "terms"), \(setting: "target-bpw") and \(setting: "target-size")"
        ))
    }
    if conversion.appendTo != nil {
      errors.append(
        UsageError("\(setting: "append-to") and \(setting: "sweep") cannot be used together"))
    }
    if let types, !(1...Self.typeLimit).contains(types.count) {
      errors.append(
        UsageError(
          "\(setting: "sweep") has \(types.count.counted("type")), expected 1 to \(Self.typeLimit)")
      )
    }
    var recipes: [TermRecipe] = []
    for text in types ?? StorageType.names.map(\.name) {
      do {
        let recipe = try TermRecipe(typeOrTerms: text)
        if !recipes.contains(recipe) { recipes.append(recipe) }
      } catch {
        errors.append(
          UsageError(
            "\(setting: "sweep"): \(error)",
            hint: "to list the types: \(command: "explain types")"))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    return recipes
  }
}

extension TermRecipe {
  /// True for a dense term alone.
  fileprivate var isType: Bool { dense != nil && rank == nil && sparse == nil }
}

/// An observer that passes on progress and no notices, which would be repeated for each of many plans.
private struct ProgressOnly: OperationObserver {
  let base: any OperationObserver

  var progress: any Progress { base.progress }
  func report(_ notice: OperationNotice) {}
}
