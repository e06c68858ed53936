package import Base
package import Checkpoints
package import Models
import Rotary
import TensorCore

/// A model that can be run: its family, its configuration and its parameters.
///
/// A run goes from ``embed(_:_:)`` through ``block(_:_:_:)`` for each layer to ``head(_:_:)``. A driver may run many
/// windows through a block before the next block, so that the weights of a block are read once.
package final class Network<Scalar: NetworkScalar> {
  package let family: any Family.Type
  package let configuration: NetworkConfiguration
  /// The path of the model, for errors.
  package let path: String
  /// The prefix of the names of tensors, such as `model.`.
  package let prefix: String
  let parameters: [String: any Parameter<Scalar>]
  /// The low-rank adapters of linear layers, by the names of their weights.
  package var adapters: [String: Adapter<Scalar>] = [:]
  /// The faults that a check found.
  private var faults: [any UserError] = []
  private var isChecking = false
  /// The tensors that a check did not find, by name and shape, in the order of their first use.
  package private(set) var required: [(name: String, shape: [Int])] = []

  init(
    family: any Family.Type, configuration: NetworkConfiguration, path: String,
    parameters: [String: any Parameter<Scalar>]
  ) {
    self.family = family
    self.configuration = configuration
    self.path = path
    self.parameters = parameters
    prefix =
      family.prefixes.first { parameters[$0 + family.embeddingName] != nil } ?? family.prefixes[0]
  }

  /// The name of the weight of an output layer of its own.
  var outputName: String {
    (prefix.hasPrefix("language_model.") ? "language_model." : "") + "lm_head.weight"
  }

  package var layerCount: Int { configuration.layers.count }

  /// Returns a network whose weights are read from a checkpoint as they are needed.
  ///
  /// - Parameter makeParameter: Makes a parameter of a tensor, such as a resident one for training.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` with all faults that configuration and headers show: an unknown
  ///   architecture, activation or rope type, missing settings and tensors, wrong shapes and dtypes.
  package static func network(
    of checkpoint: Checkpoint, _ model: ModelConfiguration, _ compute: Compute,
    makeParameter: ((LazyTensor) throws -> any Parameter<Scalar>)? = nil
  ) throws -> Network {
    var (family, configuration) = try configured(model, path: checkpoint.path)
    for index in configuration.rotations.indices {
      configuration.rotations[index].clex = try CLEXLayer(
        checkpoint, settings: configuration.rotations[index])
    }
    var parameters: [String: any Parameter<Scalar>] = [:]
    for tensor in checkpoint.tensors where tensor.info.dtype.isPlainFloat && tensor.fault == nil {
      parameters[tensor.name] =
        try makeParameter?(tensor)
        ?? LazyParameter(tensor, path: checkpoint.path, in: compute.arena)
    }
    let network = Network(
      family: family, configuration: configuration, path: checkpoint.path, parameters: parameters)
    try network.check()
    return network
  }

  /// Returns the family and the configuration of a model.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` with all faults of config.json.
  private static func configured(
    _ model: ModelConfiguration, path: String
  ) throws -> (any Family.Type, NetworkConfiguration) {
    let name = try modelType(of: model, path: path)
    guard let family = Families.named(name) else {
      throw FormatError(
        .networkConfiguration,
        "config.json: the architecture '\(name.printable)' is not supported",
        path: path, hint: "supported are \(Families.modelTypes.joined(separator: ", "))")
    }
    var reader = NetworkConfigurationReader(model, family.facts, path: path)
    let configuration = reader.configuration(named: name)
    var faults = reader.faults
    for reason in family.unsupportedSettings(of: model.object) {
      faults.append(FormatError(.networkConfiguration, "config.json: " + reason, path: path))
    }
    if let quantization = try? model.quantization, !quantization.isEmpty {
      faults.append(
        FormatError(
          .networkConfiguration, "config.json: the weights are stored with a quantization",
          path: path, hint: "convert the model to a float dtype first"))
    }
    try SeveralErrors.throwIfAny(faults)
    return (family, configuration)
  }

  /// Returns the network of a configuration without any tensors, whose ``required`` tensors it needs.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` with all faults of config.json and of the shapes.
  package static func outline(of model: ModelConfiguration, path: String) throws -> Network {
    let (family, configuration) = try configured(model, path: path)
    let network = Network(
      family: family, configuration: configuration, path: path, parameters: [:])
    try network.walk()
    return network
  }

  private static func modelType(of model: ModelConfiguration, path: String) throws -> String {
    do {
      if let name = try model.textModelType { return name }
    } catch {
      throw FormatError(.networkConfiguration, "config.json: \(error)", path: path)
    }
    throw FormatError(
      .networkConfiguration, "config.json: model_type is missing", path: path,
      hint: "add the name of the architecture, such as llama")
  }

  // MARK: Parameters

  /// Returns the parameter with a name that starts after the prefix of the network.
  /// - Throws: ``FormatError`` if it is missing or has another shape; during a check, the fault is collected.
  func parameter(_ name: String, _ shape: [Int]) throws -> any Parameter<Scalar> {
    guard let parameter = parameters[name] else {
      return try refused(name, shape, "is missing or has no float dtype, expected \(shape)")
    }
    guard parameter.shape == shape else {
      return try refused(
        name, shape, "has the shape \(parameter.shape), expected \(shape) from config.json")
    }
    return parameter
  }

  private func refused(
    _ name: String, _ shape: [Int], _ reason: String
  ) throws -> any Parameter<Scalar> {
    let fault = FormatError(
      .networkTensor, reason, path: path, tensor: name,
      hint: "list the tensors with: \(command: "inspect \(path.printable)")")
    guard isChecking else { throw fault }
    faults.append(fault)
    if !required.contains(where: { $0.name == name }) { required.append((name, shape)) }
    return ResidentParameter(name, Value(shape, in: Arena(isCounting: true)))
  }

  /// Checks that all tensors are present and have the shapes that the configuration defines.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` with all faults.
  private func check() throws {
    try walk()
    try SeveralErrors.throwIfAny(faults)
  }

  /// Runs the functions of the family without computing, and collects faults.
  private func walk() throws {
    isChecking = true
    defer { isChecking = false }
    let compute = Compute.counting(jobs: 1)
    let windows = Windows(length: configuration.image?.tokenCount ?? 1)
    let run = Run(self, Tape(compute), try Positions(self, windows, compute))
    let shape =
      configuration.classifier?.inputShape
      ?? configuration.image.map { [$0.channelCount, $0.size, $0.size] }
    _ = try output(
      shape.map { .images(Value([1] + $0, in: compute.arena)) } ?? .tokens([0]), run)
  }

  // MARK: Forward pass

  /// Returns the hidden states before the first block, shape `[tokens, hidden size]`.
  /// - Throws: ``UsageError`` if the input does not fit the network and the windows of the run.
  package func embed(
    _ input: NetworkInput<Scalar>, _ run: Run<Scalar>
  ) throws -> Value<Scalar> {
    try family.embed(input, Scope(run, prefix))
  }

  /// Returns the hidden states after a block, shape `[tokens, hidden size]`.
  package func block(
    _ index: Int, _ hidden: Value<Scalar>, _ run: Run<Scalar>
  ) throws -> Value<Scalar> {
    let name = prefix + family.blockName + "\(index)."
    return try family.block(hidden, Scope(run, name, layer: index))
  }

  /// Returns the output of a network: logits, shape `[tokens, vocabulary]`, or what the family describes.
  package func head(_ hidden: Value<Scalar>, _ run: Run<Scalar>) throws -> Value<Scalar> {
    try family.head(hidden, Scope(run, prefix))
  }

  /// Returns the output for an input.
  package func output(
    _ input: NetworkInput<Scalar>, _ run: Run<Scalar>
  ) throws -> Value<Scalar> {
    var hidden = try embed(input, run)
    for index in 0..<layerCount { hidden = try block(index, hidden, run) }
    return try head(hidden, run)
  }
}

extension FormatError.Code {
  package static let networkTensor = FormatError.Code(
    "network.tensor",
    meaning: "A tensor that the network of a model needs is missing or has another shape.",
    remedy: "Use the whole checkpoint, with the config.json that belongs to it.")
}
