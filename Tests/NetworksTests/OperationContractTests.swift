import Base
import Networks
import TestSupport
import Testing

/// A generator of numbers between −1 and 1.
func randomNumbers<S: NetworkScalar>(_ count: Int, seed: UInt64) -> [S] {
  var generator = SeededGenerator(seed: seed)
  return (0..<count).map { _ in S(Double.random(in: -1...1, using: &generator)) }
}

/// Tests of the contract of every operation, on its example shapes.
@Suite(.needsOpenBLAS) struct OperationContractTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let type: any Operation.Type
    let index: Int
    var example: OperationExample { type.examples[index] }
    var testDescription: String { "\(type.name) \(index)" }

    static let all = OperationRegistry.all.flatMap { type in
      type.examples.indices.map { Case(type: type, index: $0) }
    }
  }

  /// An example with random inputs and weights, and Σ output · upstream as its loss.
  struct Trial<S: NetworkScalar> {
    let example: OperationExample
    let compute: Compute
    var inputs: [[S]]
    var weights: [[S]]
    let upstream: [S]

    init(_ example: OperationExample, _ compute: Compute) throws {
      self.example = example
      self.compute = compute
      var seed: UInt64 = 1
      func numbers(_ shape: [Int]) -> [S] {
        seed += 1
        return randomNumbers(shape.reduce(1, *), seed: seed)
      }
      inputs = example.inputs.map(numbers)
      weights = example.weights.map(numbers)
      let shape = try example.operation.shape(inputs: example.inputs, weights: example.weights)
      upstream = numbers(shape)
    }

    /// - Parameter uses: The number of applications of the operation, whose outputs are added.
    func run(
      uses: Int = 1
    ) throws -> (output: [S], gradients: [[S]], weightGradients: [[S]]) {
      let tape = Tape<S>(compute, isRecording: true)
      let values = zip(example.inputs, inputs).map {
        Value($0, $1, needsGradient: true, in: compute.arena)
      }
      let parameters = zip(example.weights, weights).enumerated().map { index, one in
        ResidentParameter(
          "\(index)", Value(one.0, one.1, in: compute.arena), isTrained: true)
      }
      var output = try tape.apply(example.operation, values, parameters)
      for _ in 1..<uses {
        output = try tape.apply(
          Sum(), [output, tape.apply(example.operation, values, parameters)])
      }
      var found = parameters.map { _ in [S]() }
      let gradients = try tape.backward(
        from: output, gradient: Value(output.shape, upstream, in: compute.arena)
      ) { parameter, gradient in
        if let index = parameters.firstIndex(where: { $0 === parameter }) {
          found[index] = gradient.numbers
        }
      }
      return (output.numbers, values.map { gradients[$0]?.numbers ?? [] }, found)
    }

    func loss() throws -> S {
      let tape = Tape<S>(compute)
      let values = zip(example.inputs, inputs).map { Value($0, $1, in: compute.arena) }
      let parameters = zip(example.weights, weights).map {
        ResidentParameter("w", Value($0, $1, in: compute.arena))
      }
      let output = try tape.apply(example.operation, values, parameters)
      return zip(output.numbers, upstream).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }

  @Test("names are unique and every operation has at least three examples") func registry() {
    #expect(Set(OperationRegistry.all.map { $0.name }).count == OperationRegistry.all.count)
    for type in OperationRegistry.all {
      #expect(type.examples.count >= 3, "\(type.name)")
    }
  }

  @Test("gradients equal central differences in float64", arguments: Case.all)
  func differences(one: Case) throws {
    let trial = try Trial<Double>(one.example, OpenBLAS.compute())
    let (_, gradients, weightGradients) = try trial.run()
    func check(_ gradient: [Double], _ path: WritableKeyPath<Trial<Double>, [Double]>) throws {
      #expect(gradient.count == trial[keyPath: path].count)
      for place in gradient.indices {
        var (above, below) = (trial, trial)
        above[keyPath: path][place] += 1e-5
        below[keyPath: path][place] -= 1e-5
        let slope = try (above.loss() - below.loss()) / 2e-5
        #expect(
          abs(slope - gradient[place]) <= 1e-7 * max(1, abs(slope)),
          "\(one.testDescription): \(place): \(gradient[place]), expected \(slope)")
      }
    }
    for index in one.example.smoothInputs { try check(gradients[index], \.inputs[index]) }
    for index in one.example.weights.indices {
      try check(weightGradients[index], \.weights[index])
    }
  }

  @Test("gradients are added to those of another use of the inputs", arguments: Case.all)
  func uses(one: Case) throws {
    let trial = try Trial<Double>(one.example, OpenBLAS.compute())
    let (_, once, _) = try trial.run()
    let (_, twice, _) = try trial.run(uses: 2)
    #expect(once.count == twice.count)
    for (a, b) in zip(once, twice) { #expect(distance(b, a.map { 2 * $0 }) <= 1e-12) }
  }

  @Test("float32 results are near float64 results", arguments: Case.all)
  func precision(one: Case) throws {
    var exact = try Trial<Double>(one.example, OpenBLAS.compute())
    let trial = try Trial<Float>(one.example, OpenBLAS.compute())
    exact.inputs = trial.inputs.map { $0.map(Double.init) }
    exact.weights = trial.weights.map { $0.map(Double.init) }
    let (a, b) = (try trial.run(), try exact.run())
    #expect(distance(a.output, b.output) <= 2e-6)
    for index in one.example.smoothInputs {
      #expect(distance(a.gradients[index], b.gradients[index]) <= 2e-5)
    }
  }

  @Test("results have the same bits for any number of workers", arguments: Case.all)
  func workers(one: Case) throws {
    let alone = try Trial<Float>(one.example, OpenBLAS.compute(jobs: 1)).run()
    let shared = try Trial<Float>(one.example, OpenBLAS.compute(jobs: 3)).run()
    #expect(alone.output.map(\.bitPattern) == shared.output.map(\.bitPattern))
    #expect(
      alone.gradients.map { $0.map(\.bitPattern) } == shared.gradients.map { $0.map(\.bitPattern) })
    #expect(
      alone.weightGradients.map { $0.map(\.bitPattern) }
        == shared.weightGradients.map { $0.map(\.bitPattern) })
  }

  @Test("a counting arena counts at least the memory of a run", arguments: Case.all)
  func memory(one: Case) throws {
    let working = try OpenBLAS.compute()
    _ = try Trial<Float>(one.example, working).run()
    let counting = Compute.counting(jobs: 1)
    _ = try Trial<Float>(one.example, counting).run()
    #expect(counting.arena.peakByteCount >= working.arena.peakByteCount)
    #expect(working.arena.byteCount == 0 && counting.arena.byteCount == 0)
  }
}
