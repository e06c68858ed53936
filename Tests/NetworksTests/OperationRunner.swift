import Base
import Networks
import TensorCore
import TestSupport

/// Runs the operation of a golden case.
struct OperationRunner<S: NetworkScalar> {
  let golden: GoldenOperation
  let file: GoldenTensors
  let compute: Compute
  let tape: Tape<S>

  init(_ golden: GoldenOperation, _ file: GoldenTensors) throws {
    compute = try OpenBLAS.compute()
    self.golden = golden
    self.file = file
    tape = Tape(compute, isRecording: true)
  }

  struct Unknown: Error { let operation: String }

  /// Returns a tensor of the case, as a matrix if `columns` is given.
  private func value(_ name: String, columns: Int? = nil) throws -> Value<S> {
    let key = golden.key + (golden.gradients.contains(name) ? "in." : "fixed.") + name
    var shape = try file.shape(key)
    if let columns { shape = [shape.reduce(1, *) / columns, columns] }
    return Value(
      shape, try file.numbers(key).map { S($0) }, needsGradient: golden.gradients.contains(name),
      in: compute.arena)
  }

  private func parameter(_ name: String) throws -> ResidentParameter<S> {
    ResidentParameter(name, try value(name), isTrained: golden.gradients.contains(name))
  }

  /// Returns output and gradients of an operation and what follows it.
  private func run(
    _ operation: any Operation, _ inputs: [(String, Int?)], _ weights: [String] = [],
    then last: (any Operation)? = nil
  ) throws -> OperationResult<S> {
    let values = try inputs.map { try value($0.0, columns: $0.1) }
    var output = try tape.apply(operation, values, weights.map { try parameter($0) })
    if let last { output = try tape.apply(last, [output]) }
    let upstream = Value(
      output.shape, try file.numbers(golden.key + "upstream").map { S($0) }, in: compute.arena)
    var gradients: [String: [S]] = [:]
    let found = try tape.backward(from: output, gradient: upstream) { parameter, gradient in
      gradients[parameter.name] = gradient.numbers
    }
    for (value, input) in zip(values, inputs) { gradients[input.0] = found[value]?.numbers }
    return OperationResult(output: output.numbers, gradients: gradients)
  }

  private func ids(_ name: String) throws -> [Int32] {
    try file.integers(golden.key + "fixed." + name)
  }

  func result() throws -> OperationResult<S> {
    if let result = try layer() ?? function() ?? image() { return result }
    throw Unknown(operation: golden.name)
  }

  /// Linear layers, embeddings, normalizations and attention.
  private func layer() throws -> OperationResult<S>? {
    let x: [(String, Int?)] = [("x", nil)]
    switch golden.name {
    case "linear": return try run(Linear(), x, ["weight"])
    case "linear_bias": return try run(Linear(), x, ["weight", "bias"])
    case "linear_transposed": return try run(LinearTransposed(), x, ["weight", "bias"])
    case "low_rank_linear":
      return try run(LowRankLinear(scale: golden.number("scale")), x, ["weight", "a", "b"])
    case "embedding": return try run(Embedding(ids("ids")), [], ["weight"])
    case "rms_norm", "rms_norm_offset":
      return try run(
        RMSNorm(epsilon: golden.number("eps"), addsOne: golden.name == "rms_norm_offset"), x,
        ["weight"])
    case "layer_norm":
      return try run(LayerNorm(epsilon: golden.number("eps")), x, ["weight", "bias"])
    case "unit_rows": return try run(UnitRows(), x)
    case "rotary": return try rotary()
    case "attention", "attention_window", "attention_softcap", "attention_full":
      return try attention()
    default: return nil
    }
  }

  private func rotary() throws -> OperationResult<S> {
    let shape = try file.shape(golden.key + "in.x")
    let inverse = try file.numbers(golden.key + "fixed.inv_freq")
    let positions = try ids("pos")
    let angles = positions.map { position in inverse.map { Double(position) * $0 } }
    let table = angles.flatMap { row in row.map(cosineOf) + row.map(sineOf) }
    let x = try value("x", columns: shape[1] * shape[2])
    let output = try tape.apply(
      Rotary(headDim: shape[2]),
      [
        x,
        Value(
          [positions.count, 2 * inverse.count], table.map { S($0) }, in: compute.arena),
      ])
    let upstream = Value(
      output.shape, try file.numbers(golden.key + "upstream").map { S($0) }, in: compute.arena)
    let found = try tape.backward(from: output, gradient: upstream) { _, _ in }
    return OperationResult(
      output: output.numbers, gradients: ["x": found[x]?.numbers ?? []])
  }

  private func attention() throws -> OperationResult<S> {
    let (q, k) = (
      try file.shape(golden.key + "in.q"), try file.shape(golden.key + "in.k")
    )
    let operation = Attention(
      headCount: q[1], groupCount: k[1], scale: golden.number("scale"),
      softcap: golden.attributes["softcap"]?.asDouble,
      mask: Attention.Mask(
        isCausal: golden.attributes["causal"]?.asBool ?? true,
        window: golden.attributes["window"]?.asInt))
    return try run(operation, [("q", q[1] * q[2]), ("k", k[1] * k[2]), ("v", k[1] * k[2])])
  }

  /// Functions of numbers and rows, and losses.
  private func function() throws -> OperationResult<S>? {
    let x: [(String, Int?)] = [("x", nil)]
    switch golden.name {
    case "gelu_erf": return try run(Activation(.gelu), x)
    case "gelu_tanh": return try run(Activation(.geluTanh), x)
    case "quick_gelu": return try run(Activation(.quickGelu), x)
    case "relu": return try run(Activation(.relu), x)
    case "silu": return try run(Activation(.silu), x)
    case "gated_silu": return try run(Gated(.silu), [("gate", nil), ("up", nil)])
    case "gated_gelu_tanh": return try run(Gated(.geluTanh), [("gate", nil), ("up", nil)])
    case "add": return try run(Sum(), [("a", nil), ("b", nil)])
    case "softmax": return try run(Softmax(), x)
    case "softcap": return try run(Softcap(golden.number("cap")), x)
    case "cross_entropy":
      let targets = try ids("target")
      return try run(
        LogProbability(targets), x,
        then: Mean(factor: -1, divisor: targets.count { $0 != LogProbability.ignored }))
    case "entropy": return try run(Entropy(), x, then: Mean())
    case "squared_error":
      return try run(SquaredDifference(), [("x", nil), ("target", nil)], then: Mean())
    default: return nil
    }
  }

  /// Operations on images.
  private func image() throws -> OperationResult<S>? {
    let x: [(String, Int?)] = [("x", nil)]
    switch golden.name {
    case "batch_norm_train":
      return try run(
        BatchNorm(epsilon: golden.number("eps"), isTraining: true), x, ["weight", "bias"])
    case "batch_norm_eval":
      return try run(
        BatchNorm(epsilon: golden.number("eps"), isTraining: false), x,
        ["weight", "bias", "running_mean", "running_var"])
    case "conv2d_3x3", "conv2d_3x3_stride2", "conv2d_1x1", "conv2d_1x1_stride2":
      return try run(convolution, x, ["weight"])
    case "conv2d_3x3_bias", "conv1d": return try run(convolution, x, ["weight", "bias"])
    case "max_pool_2x2", "max_pool_3x3", "max_pool_2x2_ties":
      return try run(
        MaxPooling(
          kernel: golden.integer("kernel"), stride: golden.integer("stride"),
          padding: golden.integer("padding")), x)
    case "average_pool_2x2": return try run(AveragePooling(kernel: golden.integer("kernel")), x)
    case "average_pool_global": return try run(AveragePooling(kernel: nil), x)
    case "patch_embedding": return try run(PatchEmbedding(), x, ["weight"])
    default: return nil
    }
  }

  private var convolution: Convolution {
    Convolution(stride: golden.integer("stride"), padding: golden.integer("padding"))
  }
}
