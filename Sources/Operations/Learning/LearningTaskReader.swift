import AdaMerging
import Base
import Checkpoints
import Examples
import Networks
import TensorCore
import Tokenizers
import Training

/// A reader of the examples and classifiers of tasks, which checks that they fit a network.
struct LearningTaskReader {
  let settings: LearningSettings
  private let network: Network<Float>
  private let tokenizer: Tokenizer?
  private let heads: Checkpoint?
  private let context: OperationContext

  init(
    _ settings: LearningSettings, _ network: Network<Float>, _ files: ModelFiles,
    _ context: OperationContext
  ) throws {
    self.settings = settings
    self.network = network
    self.context = context
    let isText = network.family.hasLogits
    tokenizer =
      isText
      ? try settings.tokenizer.map { try Tokenizer.load(from: InputFile(path: $0)) }
        ?? files.tokenizer() : nil
    guard (settings.heads == nil) == isText else {
      throw UsageError(
        isText
          ? "a language model has no \(setting: "heads")"
          : "an encoder of features needs \(setting: "heads"), the classifiers of the tasks",
        hint: isText
          ? "leave them out" : "give a file with TASK.weight of shape [classes, features]")
    }
    if !isText, network.configuration.image == nil, network.configuration.classifier == nil {
      throw UsageError(
        "\(files.path.printable) is an encoder of texts, expected images, examples or a language model"
      )
    }
    let without =
      isText
      ? [
        ("divisor", settings.divisor != nil), ("mean", !settings.mean.isEmpty),
        ("deviation", !settings.deviation.isEmpty),
      ] : [("window", settings.window != nil), ("tokenizer", settings.tokenizer != nil)]
    try SeveralErrors.throwIfAny(
      without.filter(\.1).map { name, _ in
        UsageError(
          "\(setting: name) has no effect on "
            + (isText ? "a language model, which reads tokens" : "an encoder, which reads no text"),
          hint: "leave it out")
      })
    heads = try settings.heads.map { try context.read($0, for: .report) }
  }

  /// The number of features of an encoder.
  private var featureCount: Int {
    network.configuration.image?.featureCount ?? network.configuration.classifier?.classCount ?? 0
  }

  /// Returns all tasks.
  /// - Throws: All faults of the tasks together.
  func tasks() throws -> [LearningTask] {
    var (tasks, faults) = ([LearningTask](), [any UserError]())
    for entry in settings.data {
      do { tasks.append(try task(entry)) } catch let error as InterruptedError {
        throw error
      } catch let error as SeveralErrors {
        faults += error.errors
      } catch { faults.append(try asUserError(error)) }
    }
    try SeveralErrors.throwIfAny(faults)
    return tasks
  }

  private func task(_ entry: LearningSettings.NamedPath) throws -> LearningTask {
    guard !network.family.hasLogits else {
      guard !settings.labels.contains(where: { $0.name == entry.name }) else {
        throw UsageError(
          "labels do not apply to a language model, whose text is its own label",
          hint: "leave out \(setting: "labels")")
      }
      return LearningTask(entry.name, try tokens(entry), hasLabels: false, head: nil)
    }
    let head = try head(entry.name)
    let shape =
      network.configuration.image.map { [$0.channelCount, $0.size, $0.size] }
      ?? network.configuration.classifier?.inputShape ?? []
    let examples = try DataTensor(
      entry.path, "examples of \(entry.name.printable), with two dimensions or more",
      preferred: [entry.name, entry.name + ".images", "images", "x", "inputs"], context
    ) { $0.shape.dimensions.count > 1 && ($0.dtype.isPlainFloat || $0.dtype == .u8) }
    let found = Array(examples.shape.dropFirst())
    guard found == shape || (shape.count == 1 && found.reduce(1, *) == shape[0]) else {
      throw FormatError(
        .learningData, "examples have the shape \(found), but the network reads \(shape)",
        path: examples.path, tensor: examples.tensor.name)
    }
    let labels = try labels(entry, examples, head.classCount)
    return LearningTask(
      entry.name,
      LabelledExamples(
        try examples.examples(),
        labels: labels ?? Array(repeating: LogProbability.ignored, count: examples.shape[0]),
        shape: shape, scaling: try scaling(shape[0])), hasLabels: labels != nil, head: head)
  }

  private func scaling(_ channelCount: Int) throws -> InputScaling {
    for (name, list) in [("mean", settings.mean), ("deviation", settings.deviation)]
    where list.count > 1 && list.count != channelCount {
      throw UsageError(
        "\(setting: name) has \(list.count) numbers, expected 1 or one for each of \(channelCount) channels"
      )
    }
    var scaling = InputScaling()
    scaling.divisor = settings.divisor ?? 1
    scaling.mean = settings.mean
    scaling.deviation = settings.deviation
    return scaling
  }

  /// Returns the labels that are given, or that are in the file of the examples; nil if there are none.
  private func labels(
    _ entry: LearningSettings.NamedPath, _ examples: DataTensor, _ classCount: Int
  ) throws -> [Int32]? {
    let names = [entry.name + ".labels", "labels", "label", "y", "targets"]
    func isLabels(_ info: TensorInfo) -> Bool {
      DataTensor.isInteger(info.dtype) && info.shape.dimensions.count == 1
    }
    let labels: DataTensor
    if let given = settings.labels.first(where: { $0.name == entry.name }) {
      labels = try DataTensor(
        given.path, "labels, integers with one dimension", preferred: names, context,
        where: isLabels)
    } else {
      let own = examples.checkpoint.tensors.filter { isLabels($0.info) }
      let found = names.lazy.compactMap { name in own.first { $0.name.equalsAsBytes(name) } }.first
      guard let found else { return nil }
      labels = try DataTensor(found, of: examples.checkpoint, path: examples.path, context)
    }
    guard labels.shape[0] == examples.shape[0] else {
      throw FormatError(
        .learningData,
        "has \(labels.shape[0].counted("label")), expected one for each of \(examples.shape[0]) examples",
        path: labels.path, tensor: labels.tensor.name)
    }
    return try labels.indexes(below: classCount, .learningData)
  }

  // MARK: Heads

  private func head(_ task: String) throws -> LearningTask.Head {
    guard let heads else { preconditionFailure("the initializer checked that heads are given") }
    guard let weight = try part(task + ".weight", of: heads) else {
      let known = heads.tensors.map(\.name).filter { $0.hasSuffix(".weight") }.map {
        String($0.dropLast(".weight".count)).printable
      }
      throw FormatError(
        .classifierHead, "is missing, expected the classifier of task '\(task.printable)'",
        path: heads.path, tensor: task + ".weight",
        hint: known.isEmpty
          ? "name the classifiers TASK.weight"
          : "the tasks of the file are \(known.joined(separator: ", "))")
    }
    let shape = weight.shape
    guard shape.count == 2, shape[1] == featureCount, shape[0] > 0 else {
      throw FormatError(
        .classifierHead,
        "has the shape \(shape), expected [classes, \(featureCount)], the features of the network",
        path: heads.path, tensor: weight.tensor.name)
    }
    let bias = try part(task + ".bias", of: heads)
    if let bias, bias.shape != [shape[0]] {
      throw FormatError(
        .classifierHead, "has the shape \(bias.shape), expected [\(shape[0])], the classes",
        path: heads.path, tensor: bias.tensor.name)
    }
    return LearningTask.Head(
      classCount: shape[0], width: shape[1], weight: try weight.floats(),
      bias: try bias?.floats())
  }

  /// Returns the weight or the bias of a classifier; nil if the file has no tensor of this name.
  /// - Throws: The tensor's fault, or ``FormatError`` if it has no plain floats.
  private func part(_ name: String, of heads: Checkpoint) throws -> DataTensor? {
    guard let tensor = heads.tensors.first(where: { $0.name.equalsAsBytes(name) }) else {
      return nil
    }
    let data = try DataTensor(tensor, of: heads, path: heads.path, context)
    guard tensor.info.dtype.isPlainFloat else {
      throw FormatError(
        .classifierHead, "has the dtype \(tensor.info.dtype.name), expected F16, BF16, F32 or F64",
        path: heads.path, tensor: name, hint: "store classifiers as floats")
    }
    return data
  }

  // MARK: Tokens

  private func tokens(_ entry: LearningSettings.NamedPath) throws -> any TrainingData {
    let input = try TokenInput.read(entry.path, tokenizer: tokenizer, limit: nil, context)
    let limit = network.configuration.vocabularySize
    if let place = input.tokens.firstIndex(where: { $0 < 0 || Int($0) >= limit }) {
      throw FormatError(
        .learningData,
        "token \(place) is \(input.tokens[place]), but the model knows 0 to \(limit - 1)",
        path: entry.path, hint: "use tokens that were made with the tokenizer of the model")
    }
    if let length = input.rowLength, length < 2 {
      throw FormatError(
        .learningData, "rows have \(length.counted("token")), expected 2 or more",
        path: entry.path)
    }
    return input.rowLength.map { TokenExamples(rows: input.tokens, length: $0) }
      ?? TokenExamples(text: input.tokens, length: settings.window ?? 128)
  }
}
