import Base
import Checkpoints
import Merging
import TensorCore

/// Extracts the task vector of a fine-tuned model.
package struct VectorExtractOperation: OutputOperation {
  package static let verb = "vector extract"

  package var tuned: String
  package var base: String
  package var output: OutputSettings
  package var form = VectorFormSettings()
  /// True if the vector restores the fine-tuned model bit for bit.
  package var isExact = false
  /// The dtype of the differences; that of the base if nil.
  package var dtype: FloatType?
  package var selection = SelectionSettings()

  package init(tuned: String, base: String, output: OutputSettings) {
    self.tuned = tuned
    self.base = base
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let tuned = try context.read(tuned)
    let base = try context.read(base)
    var extraction = VectorExtraction(
      tuned: tuned, base: base, form: try form.form(), isExact: isExact, dtype: dtype?.dtype,
      selection: try selection.selection())
    let container = try output.container
    if container.isFolder, let rank = extraction.form.rank {
      return try request(AdapterExtraction(extraction, rank: rank), [tuned, base])
    }
    var errors = extraction.errors
    if !container.holdsTerms, isExact || !extraction.form.isDense {
      errors.append(
        UsageError(
          "\(container.name.rawValue) cannot store "
            + "\(isExact ? "replaced values" : "these terms"), only dense differences",
          hint: "write a .sumac file"))
      (extraction.form, extraction.isExact) = (VectorForm(), false)
    }
    var request = OutputRequest(
      options: extraction.lineageOptions, inputs: [tuned, base],
      output: try extraction.extracted(), errors: errors, notes: extraction.notes, carried: [])
    if extraction.surveyByteCount > 0 {
      request.survey = OutputSurvey(
        .survey,
        MemoryBudget.Demand(fixedByteCount: 0, workerByteCount: extraction.workerByteCount),
        byteCount: extraction.surveyByteCount
      ) { [extraction] engine, _ in
        SurveyedOutput(
          output: try extraction.extracted(restoring: extraction.survey(engine: engine)))
      }
    }
    return request
  }

  /// Returns the request for a LoRA adapter of PEFT: differences as low-rank factors, in a folder.
  private func request(
    _ adapter: AdapterExtraction, _ inputs: [Checkpoint]
  ) throws -> OutputRequest {
    var planned = try adapter.extraction.extracted()
    // The folder gets the factors themselves, so that no tensor is stored as terms.
    for index in planned.tensors.indices { planned.tensors[index].storage = .asIs }
    planned.folder = adapter.folder
    var request = OutputRequest(
      options: adapter.lineageOptions, inputs: inputs, output: planned, errors: adapter.errors,
      notes: adapter.extraction.notes, carried: [])
    request.planNotes = ["the plan shows the differences before they are factored"]
    guard adapter.errors.isEmpty else { return request }
    request.survey = OutputSurvey(
      .survey,
      MemoryBudget.Demand(
        fixedByteCount: try adapter.fixedByteCount(),
        workerByteCount: try adapter.workerByteCount()),
      tensorCount: planned.tensors.count, byteCount: adapter.surveyByteCount
    ) { engine, _ in SurveyedOutput(output: try adapter.adapter(engine: engine)) }
    return request
  }
}
