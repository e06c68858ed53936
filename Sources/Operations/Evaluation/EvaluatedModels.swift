import BLAS
import Base
import Checkpoints
import Evaluation
import Networks

/// The models of an evaluation, read and checked: one, or one and its base.
struct EvaluatedModels {
  /// The models as they were read.
  let sources: [EvaluatedSource]
  private let all: [EvaluatedModel]
  let compute: Compute
  /// The kernels of the matrix products, for reports.
  let kernels: String
  let context: OperationContext

  /// Reads headers and configurations, and reports all faults of the models together.
  init(
    _ paths: [String], _ settings: EvaluationSettings, _ context: OperationContext
  ) throws {
    if settings.resumeFolder != nil, paths.contains(OperationContext.standardInputPath) {
      throw UsageError(
        "a model from standard input cannot be recognized in another run",
        hint: "leave out \(setting: "resume"), or name a file")
    }
    try self.init(settings, context, paths.map { path in { try EvaluatedSource(path, context) } })
  }

  /// Checks models that were read.
  init(
    _ sources: [EvaluatedSource], _ settings: EvaluationSettings, _ context: OperationContext
  ) throws {
    try self.init(settings, context, sources.map { source in { source } })
  }

  private init(
    _ settings: EvaluationSettings, _ context: OperationContext,
    _ sources: [() throws -> EvaluatedSource]
  ) throws {
    let library = try BLAS.load(
      settings.kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    compute = Compute(library)
    kernels = "\(settings.kernels.rawValue) (\(library.library.coreName))"
    self.context = context
    var (found, models, faults) = ([EvaluatedSource](), [EvaluatedModel](), [any UserError]())
    for source in sources {
      do {
        let source = try source()
        models.append(try Self.model(source, compute))
        found.append(source)
      } catch let error as SeveralErrors {
        faults += error.errors
      } catch let error as any UserError { faults.append(error) }
    }
    try SeveralErrors.throwIfAny(faults)
    (self.sources, all) = (found, models)
    try checkKinds()
    try checkVocabularies()
  }

  private static func model(
    _ source: EvaluatedSource, _ compute: Compute
  ) throws -> EvaluatedModel {
    let model = try EvaluatedModel(source.checkpoint, source.configuration, compute)
    guard model.hasLogits || model.isTextEncoder else {
      throw UsageError(
        "\(model.path.printable) is not a model of texts",
        hint: "name a language model, or an encoder of sentences")
    }
    return model
  }

  /// True if the models make embeddings of sentences.
  var areEncoders: Bool { !model.hasLogits }
  var model: EvaluatedModel { all[0] }
  var base: EvaluatedModel? { all.count > 1 ? all[1] : nil }

  private func checkKinds() throws(UsageError) {
    guard let base, base.hasLogits != model.hasLogits else { return }
    throw UsageError(
      "one model predicts tokens, and the other makes embeddings",
      hint: "compare models of the same kind")
  }

  private func checkVocabularies() throws(UsageError) {
    guard let base, base.vocabularySize != model.vocabularySize else { return }
    throw UsageError(
      "the vocabularies differ: \(model.vocabularySize.grouped) tokens in \(model.path.printable), "
        + "\(base.vocabularySize.grouped) in \(base.path.printable)",
      hint: "compare models with the same vocabulary")
  }

  /// Returns the file that a run goes on from after it was killed; nil if the settings name no folder.
  /// - Parameters:
  ///   - run: The command, with the options that are not part of the tokens.
  ///   - tokens: A hash of all tokens.
  func journal(
    _ settings: EvaluationSettings, run: String, tokens: UInt64
  ) throws -> BlockJournal? {
    guard let folder = settings.resumeFolder else { return nil }
    var lines = ["sumac \(Version.current)", run, "kernels \(kernels)", "tokens \(tokens)"]
    for source in sources {
      let paths = source.checkpoint.files.compactMap { $0.file?.path }
      lines.append("model \(source.checkpoint.identity.id) \(try FileStamp(of: paths).text)")
    }
    return try BlockJournal(folder: folder, key: lines.joined(separator: "\n")) { [context] in
      context.observer.report(.note($0))
    }
  }
}

extension EvaluatedModel {
  /// Throws if the model does not predict tokens.
  func checkLogits() throws(UsageError) {
    guard !hasLogits else { return }
    throw UsageError(
      "\(path.printable) is an encoder, which predicts no tokens", hint: "name a language model")
  }
}
