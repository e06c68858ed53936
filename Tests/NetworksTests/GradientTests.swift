import Base
import Checkpoints
import Containers
import Models
import Networks
import TestSupport
import Testing

/// Returns a network whose parameters are in memory and trained.
func trainedNetwork<S: NetworkScalar>(
  _ checkpoint: Checkpoint, config: String, _: S.Type, _ compute: Compute
) throws -> Network<S> {
  let file = ModelConfigurationFile(text: try Fixtures.bytes(config))
  return try Network<S>.network(of: checkpoint, file.configuration(), compute) { tensor in
    let lazy = LazyParameter<S>(tensor, path: checkpoint.path, in: compute.arena)
    let value = Value<S>(lazy.shape, in: compute.arena)
    try lazy.read(0..<value.count, into: value.memory, at: 0)
    return ResidentParameter(tensor.name, value, isTrained: true)
  }
}

@Suite(.needsOpenBLAS) struct GradientTests {
  // MARK: CLIP

  private struct Images<S: NetworkScalar> {
    var features: [S] = []
    var hidden: [S] = []
    var gradients: [String: [S]] = [:]
  }

  /// Returns what the image encoder computes for the golden images, and its gradients.
  private func images<S: NetworkScalar>(_: S.Type) throws -> Images<S> {
    let compute = try OpenBLAS.compute()
    let inputs = try GoldenTensors("networks/clip/inputs.safetensors")
    let images: Value<S> = try inputs.value("images", in: compute.arena)
    let checkpoint = try Containers.read(Fixtures.path("networks/clip/model.safetensors"))
    let network = try trainedNetwork(
      checkpoint, config: "networks/clip/config.json", S.self, compute)
    let tokens = try #require(network.configuration.image).tokenCount
    let windows = Windows(sequenceCount: images.shape[0], length: tokens)
    let tape = Tape<S>(compute, isRecording: true)
    let run = Run(network, tape, try Positions(network, windows, compute))
    // The fixture has the hidden states of some tokens of the first image.
    let hiddenTokens = try GoldenTensors("networks/clip/expected.safetensors")
      .shape("hidden_of_image_0")[1]
    var result = Images<S>()
    var hidden = try network.embed(.images(images), run)
    for index in 0..<network.layerCount {
      hidden = try network.block(index, hidden, run)
      result.hidden += hidden.numbers.prefix(hiddenTokens * hidden.columns)
    }
    let features = try network.head(hidden, run)
    result.features = features.numbers
    try tape.backward(
      from: features, gradient: try inputs.value("upstream", in: compute.arena)
    ) { result.gradients[$0.name] = $1.numbers }
    return result
  }

  @Test("features and gradients of an image encoder equal those of transformers")
  func clip() throws {
    let file = try GoldenTensors("networks/clip/expected.safetensors")
    let (exact, result) = (try images(Double.self), try images(Float.self))
    let features = try file.numbers("features")
    #expect(distance(exact.features, features) <= 1e-11)
    #expect(distance(result.features, features) <= 2e-6)
    let hidden = try file.numbers("hidden_of_image_0")
    #expect(distance(exact.hidden, hidden) <= 1e-11)
    #expect(distance(result.hidden, hidden) <= 2e-6)
    let names = file.names.filter { $0.hasPrefix("grad.") }
    #expect(names.count >= 20)
    for name in names {
      let tensor = String(name.dropFirst(5))
      let (double, float) = (exact.gradients[tensor] ?? [], result.gradients[tensor] ?? [])
      let expected = try file.numbers(name)
      #expect(double.count == expected.count && float.count == expected.count)
      if tensor.hasSuffix("k_proj.bias") {
        // The softmax does not depend on it, so that the true gradient is 0.
        #expect(double.allSatisfy { abs($0) <= 1e-12 } && float.allSatisfy { abs($0) <= 1e-5 })
      } else {
        #expect(distance(double, expected) <= 1e-11, "\(tensor)")
        #expect(distance(float, expected) <= 1e-5, "\(tensor)")
      }
    }
  }

  // MARK: Training

  private struct Step<S: NetworkScalar> {
    var loss: S
    var gradients: [String: [S]] = [:]
    var peak = 0
  }

  /// Returns loss and gradients of the model `base` for the golden windows.
  /// - Parameter isSegmented: True to compute each block again in the backward pass.
  private func step<S: NetworkScalar>(_: S.Type, isSegmented: Bool = false) throws -> Step<S> {
    let compute = try OpenBLAS.compute()
    let file = try GoldenTensors("networks/train/gradients.safetensors")
    let (ids, shape) = (try file.integers("windows"), try file.shape("windows"))
    let checkpoint = try Containers.read(Fixtures.path("models/base"))
    let network = try trainedNetwork(
      checkpoint, config: "models/base/config.json", S.self, compute)
    let windows = Windows(sequenceCount: shape[0], length: shape[1] - 1)
    let tape = Tape<S>(compute, isRecording: true)
    let positions = try Positions(network, windows, compute)
    let run = Run(network, tape, positions)
    let starts = (0..<shape[0]).map { $0 * shape[1] }
    var hidden = try network.embed(
      .tokens(starts.flatMap { ids[$0..<$0 + windows.length] }), run)
    for index in 0..<network.layerCount {
      hidden =
        isSegmented
        ? try tape.segment([hidden]) {
          try network.block(index, $1[0], Run(network, $0, positions))
        } : try network.block(index, hidden, run)
    }
    let targets = starts.flatMap { ids[$0 + 1...$0 + windows.length] }
    let logits = try network.head(hidden, run)
    let loss = try tape.apply(
      Mean(factor: -1), [tape.apply(LogProbability(targets), [logits])])
    var result = Step(loss: loss.numbers[0])
    try tape.backward(from: loss) { parameter, gradient in
      #expect(result.gradients[parameter.name] == nil)
      result.gradients[parameter.name] = gradient.numbers
    }
    result.peak = compute.arena.peakByteCount
    return result
  }

  @Test("loss and gradients of a language model equal those of torch") func training() throws {
    let file = try GoldenTensors("networks/train/gradients.safetensors")
    let (exact, result) = (try step(Double.self), try step(Float.self))
    let loss = try file.numbers("loss")[0]
    #expect(abs(exact.loss - loss) <= 1e-11)
    #expect(abs(Double(result.loss) - loss) <= 5e-6)
    let names = file.names.filter { $0.hasPrefix("grad.norm.") }
    #expect(names.count == 39)
    for name in names.map({ String($0.dropFirst(10)) }) {
      let (double, float) = (exact.gradients[name] ?? [], result.gradients[name] ?? [])
      let norm = try file.numbers("grad.norm." + name)[0]
      let found = double.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(found - norm) <= 1e-9 * norm, "\(name)")
      let near = float.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(abs(near - norm) <= 5e-5 * norm, "\(name)")
      let isFull = file.has("grad.full." + name)
      let expected = try file.numbers((isFull ? "grad.full." : "grad.at.") + name)
      let places =
        isFull ? Array(0..<expected.count) : try file.integers("index." + name).map(Int.init)
      #expect(distance(places.map { double[$0] }, expected) <= 1e-9, "\(name)")
      // Relative to the largest entry of the whole tensor.
      let largest = double.map(abs).max() ?? 0
      let worst = zip(places, expected).map { abs(Double(float[$0]) - $1) }.max() ?? .infinity
      #expect(worst <= 2e-5 * largest, "\(name)")
    }
  }

  @Test("segments need less memory and change no bit") func segments() throws {
    let (whole, parts) = (try step(Float.self), try step(Float.self, isSegmented: true))
    #expect(whole.loss.bitPattern == parts.loss.bitPattern)
    #expect(whole.gradients.count == 39 && parts.gradients.count == 39)
    for (name, gradient) in whole.gradients {
      #expect(
        gradient.map(\.bitPattern) == (parts.gradients[name] ?? []).map(\.bitPattern), "\(name)")
    }
    #expect(parts.peak < whole.peak * 2 / 3)
  }
}
