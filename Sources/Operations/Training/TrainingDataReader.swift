import Base
import Checkpoints
import Examples
import Models
import Networks
import TensorCore
import Tokenizers
import Training

/// A reader of data for a network: labelled examples for classifiers, tokens for language models.
struct TrainingDataReader {
  private let network: Network<Float>
  private let recipe: TrainingRecipe
  private let tokenizer: Tokenizer?
  /// The token that each window of text starts with; nil for none.
  private let start: Int32?
  private let context: OperationContext

  /// - Parameters:
  ///   - tokenizer: The path of a tokenizer in place of the model's; nil for the latter.
  ///   - start: The choice of a token that each window of text starts with.
  /// - Throws: ``UsageError`` if the network predicts neither classes nor tokens.
  init(
    _ network: Network<Float>, _ files: ModelFiles, _ recipe: TrainingRecipe,
    tokenizer: String? = nil, start: EvaluationSettings.StartToken = .never,
    _ context: OperationContext
  ) throws {
    guard network.configuration.classifier != nil || network.family.hasLogits else {
      throw UsageError(
        "\(files.path.printable) is an encoder, which predicts neither classes nor tokens",
        hint: "train a classifier or a language model")
    }
    self.network = network
    self.recipe = recipe
    self.context = context
    if network.configuration.classifier != nil, recipe.statedDataKeys.contains("window") {
      throw UsageError(
        "the recipe has a window, but \(files.path.printable) reads examples, not text",
        hint: "remove the key window")
    }
    if network.configuration.classifier == nil, recipe.statedDataKeys.contains("input") {
      throw UsageError(
        "the recipe scales inputs, but \(files.path.printable) reads tokens",
        hint: "remove the key input")
    }
    let tokenizer =
      network.configuration.classifier != nil
      ? nil
      : try tokenizer.map { try Tokenizer.load(from: InputFile(path: $0)) }
        ?? files.tokenizer()
    self.tokenizer = tokenizer
    self.start = try Self.start(start, tokenizer, files)
  }

  private static func start(
    _ choice: EvaluationSettings.StartToken, _ tokenizer: Tokenizer?, _ files: ModelFiles
  ) throws -> Int32? {
    switch choice {
    case .never: return nil
    case .auto: return tokenizer?.beginningID
    case .always:
      let id =
        try files.configuration().object["bos_token_id"]?.asInt
        ?? tokenizer?.beginningID.map { Int($0) }
      guard let token = id.flatMap({ Int32(exactly: $0) }) else {
        throw FormatError(
          .evaluatedModel, "config.json has no bos_token_id", path: files.path,
          hint: "leave out \(setting: "bos")")
      }
      return token
    }
  }

  /// Returns the data of one or more files, and a digest of their content.
  func data(
    _ texts: [String], labels: String?
  ) throws -> (data: any TrainingData, digest: String) {
    let texts = try texts.flatMap { try Self.paths($0) }
    guard let first = texts.first else {
      throw UsageError("no data to train on", hint: "name a file with \(setting: "data")")
    }
    if let classifier = network.configuration.classifier {
      guard texts.count == 1 else {
        throw UsageError(
          "\(texts.count) files of examples, expected one",
          hint: "several files of data are for language models")
      }
      return try examples(first, labels: labels, classifier)
    }
    guard labels == nil else {
      throw UsageError(
        "labels do not apply to a language model, whose text is its own label",
        hint: "leave out the labels")
    }
    return try tokens(texts)
  }

  /// Returns the paths that a pattern matches, sorted; a text that is a path or names a tensor stays as it is.
  private static func paths(_ text: String) throws -> [String] {
    guard try FileSystem.targetType(text) == nil, let pattern = PathPattern(text) else {
      return [text]
    }
    let paths = try pattern.matches().sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    guard !paths.isEmpty else {
      throw UsageError("no file matches \(text.printable)", hint: "check the pattern of the data")
    }
    return paths
  }

  // MARK: Examples

  /// Returns examples with their labels, and a digest of both.
  /// - Parameter labels: The file of the labels; that of the examples for nil.
  func examples(
    _ text: String, labels: String?, _ classifier: ClassifierSettings
  ) throws -> (data: LabelledExamples, digest: String) {
    let labels = labels ?? text
    let inputs = try Self.inputs(text, context)
    let targets = try DataTensor(
      labels == text ? inputs.path : labels, "labels, integers with one dimension",
      preferred: ["labels", "label", "y", "targets"], context
    ) { DataTensor.isInteger($0.dtype) && $0.shape.dimensions.count == 1 }
    let (shape, expected) = (inputs.shape, classifier.inputShape)
    let size = expected.reduce(1, *)
    guard shape.dropFirst().reduce(1, *) == size else {
      throw FormatError(
        .trainingData,
        "examples have the shape \(Array(shape.dropFirst())), but the network reads \(expected)",
        path: inputs.path, tensor: inputs.tensor.name)
    }
    guard shape[0] == targets.shape[0], shape[0] > 0 else {
      throw FormatError(
        .trainingData,
        "has \(targets.shape[0].counted("label")), expected one for each of \(shape[0]) examples",
        path: targets.path, tensor: targets.tensor.name)
    }
    for (name, list) in [("mean", recipe.input.mean), ("deviation", recipe.input.deviation)]
    where list.count > 1 && list.count != expected[0] {
      throw UsageError(
        "\(name) of the recipe has \(list.count) numbers, expected 1 or one for each of "
          + "\(expected[0]) channels")
    }
    let numbers = try targets.indexes(below: classifier.classCount, .trainingData)
    let values = try inputs.examples()
    let digest =
      XXH64.digits(of: try inputs.tensor.bytes()) + XXH64.digits(of: try targets.tensor.bytes())
    return (
      LabelledExamples(values, labels: numbers, shape: expected, scaling: recipe.input), digest
    )
  }

  /// Returns the tensor of the examples of a file.
  static func inputs(_ text: String, _ context: OperationContext) throws -> DataTensor {
    try DataTensor(
      text, "examples, with two dimensions or more", preferred: ["images", "x", "inputs"], context
    ) { $0.shape.dimensions.count > 1 && ($0.dtype.isPlainFloat || $0.dtype == .u8) }
  }

  // MARK: Tokens

  private func tokens(_ paths: [String]) throws -> (any TrainingData, String) {
    let limit = network.configuration.vocabularySize
    let inputs = try paths.map { path in
      let input = try TokenInput.read(path, tokenizer: tokenizer, limit: nil, context)
      if let place = input.tokens.firstIndex(where: { $0 < 0 || Int($0) >= limit }) {
        throw FormatError(
          .trainingData,
          "token \(place) is \(input.tokens[place]), but the model knows 0 to \(limit - 1)",
          path: path, hint: "use tokens that were made with the tokenizer of the model")
      }
      return input
    }
    let lengths = Set(inputs.map(\.rowLength))
    guard lengths.count == 1, let rowLength = lengths.first else {
      throw UsageError(
        "the files of data have rows of different lengths, or some have rows and some do not",
        hint: "train on files of one form")
    }
    if let rowLength, rowLength < 2 {
      throw UsageError(
        "\(paths[0].printable) has rows of \(rowLength.counted("token")), expected 2 or more",
        hint: "a row predicts all of its tokens except the first")
    }
    if let rowLength, recipe.statedDataKeys.contains("window") {
      throw UsageError(
        "\(paths[0].printable) has rows of \(rowLength.counted("token")), which are its windows",
        hint: "leave out the window, or give tokens in one dimension")
    }
    let data =
      rowLength.map { TokenExamples(rows: Array(inputs.map(\.tokens).joined()), length: $0) }
      ?? TokenExamples(texts: inputs.map(\.tokens), length: recipe.window, start: start)
    let count = inputs.reduce(0) { $0 + $1.tokens.count }
    guard data.count > 0 else {
      throw UsageError(
        "\(paths[0].printable) has \(count.counted("token")), too few for a window of "
          + "\(recipe.window)", hint: "give more text, or set a smaller window in the recipe")
    }
    let bytes = inputs.flatMap { $0.tokens + [-1] }.flatMap { token in
      (0..<4).map { UInt8(truncatingIfNeeded: token >> (8 * $0)) }
    }
    return (data, XXH64.digits(of: bytes))
  }
}
