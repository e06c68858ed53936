import Base
import Checkpoints
import Merging
import Recipes
import Safetensors
import TensorCore
import TestSupport
import Testing

/// Tests merges of tensors in memory against the formulas of the methods.
@Suite struct MergePropertyTests {
  /// Returns values with few distinct differences, so that many magnitudes are equal.
  private static func values(_ count: Int, seed: UInt64, steps: Float) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      (Float.random(in: -1...1, using: &random) * steps).rounded() / steps
    }
  }

  private static func checkpoint(_ name: String, _ tensors: [LazyTensor]) -> Checkpoint {
    Checkpoint(
      path: name, container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  static func merged(
    _ yaml: String, _ models: [String: [LazyTensor]], options: MergeOptions = MergeOptions(),
    workers: Int = 2
  ) throws -> Checkpoint {
    let recipe = try MergeRecipeReader.recipe(
      RecipeFile.parse(yaml, path: "r.yaml"), path: "r.yaml")
    let merging = try Merging(
      recipe,
      models: Dictionary(
        uniqueKeysWithValues: models.map { ($0.key, checkpoint($0.key, $0.value)) }),
      options: options)
    try SeveralErrors.throwIfAny(merging.errors)
    return try merging.surveyed(engine: .test(workers: workers))
  }

  /// Returns the indices of the largest magnitudes; of equal magnitudes, the first ones.
  private static func largest(_ values: [Float], _ count: Int) -> Set<Int> {
    Set(
      values.indices.sorted {
        abs(values[$0]) != abs(values[$1]) ? abs(values[$0]) > abs(values[$1]) : $0 < $1
      }.prefix(count))
  }

  @Test(
    "thresholds keep exactly the requested number, and the first of equal magnitudes",
    arguments: [[40], [300, 500], [70_001], [3, 50_000]], [0.5, 0.013, 0.9])
  func trim(dimensions: [Int], density: Double) throws {
    let count = dimensions.reduce(1, *)
    for steps in [8, 0x1p20] as [Float] {
      let base = [Float](repeating: 0, count: count)
      let tuned = Self.values(count, seed: UInt64(count), steps: steps)
      let merged = try Self.merged(
        """
        merge_method: ties
        base_model: base
        models: [{model: a, parameters: {weight: 1, density: \(density)}}]
        """,
        [
          "base": [try .floats("w", dimensions, base)],
          "a": [try .floats("w", dimensions, tuned)],
        ])
      let kept = Self.largest(tuned, max(1, Int(density * Double(count))))
      let wanted = tuned.indices.map { kept.contains($0) ? tuned[$0] : 0 }
      let isSame = try merged.tensors[0].bytes().floats == wanted
      #expect(isSame)
    }
  }

  @Test(
    "breadcrumbs drop the largest and the smallest magnitudes", arguments: [[50], [90_000]],
    [(0.5, 0.1), (0.9, 0.3), (0.01, 0.5), (0.6, 0)])
  func breadcrumbs(dimensions: [Int], shares: (Double, Double)) throws {
    let count = dimensions[0]
    for steps in [4, 0x1p20] as [Float] {
      let tuned = Self.values(count, seed: 77, steps: steps)
      let merged = try Self.merged(
        """
        merge_method: breadcrumbs
        base_model: base
        models: [{model: a, parameters: {weight: 1, density: \(shares.0), gamma: \(shares.1)}}]
        """,
        [
          "base": [try .floats("w", dimensions, [Float](repeating: 0, count: count))],
          "a": [try .floats("w", dimensions, tuned)],
        ])
      let found = try merged.tensors[0].bytes().floats
      let kept = Int(shares.0 * Double(count))
      let top = Int(shares.1 * Double(count))
      let bottom = max(0, count - kept - top)
      let order = tuned.map(abs).sorted(by: >)
      let wanted = Array(order[(count - bottom - kept)..<(count - bottom)])
      // The kept magnitudes match as a multiset; which of equal ones are kept is not checked, nor are zeros.
      let magnitudes: [Float] = found.map(abs).filter { $0 > 0 }.sorted(by: >)
      let expected: [Float] = wanted.filter { $0 > 0 }
      #expect(magnitudes == expected)
      for index in found.indices where found[index] != 0 { #expect(found[index] == tuned[index]) }
    }
  }

  @Test("global scope ranks all tensors together, in the order of their names")
  func global() throws {
    let shapes: [(name: String, dimensions: [Int])] = [
      ("b", [200, 500]), ("a", [64]), ("c", [3, 7]),
    ]
    for steps in [6, 0x1p20] as [Float] {
      var (tensors, zeros): ([LazyTensor], [LazyTensor]) = ([], [])
      for (index, shape) in shapes.enumerated() {
        let count = shape.dimensions.reduce(1, *)
        let values = Self.values(count, seed: UInt64(index + 1), steps: steps)
        tensors.append(try .floats(shape.name, shape.dimensions, values))
        zeros.append(
          try .floats(shape.name, shape.dimensions, [Float](repeating: 0, count: count)))
      }
      let merged = try Self.merged(
        """
        merge_method: ties
        base_model: base
        models: [{model: t, parameters: {weight: 1, density: 0.2}}]
        """, ["base": zeros, "t": tensors], options: MergeOptions(scope: .global))
      let order = tensors.sorted { $0.name < $1.name }
      let flat = try order.flatMap { try $0.bytes().floats }
      let kept = Self.largest(flat, Int(0.2 * Double(flat.count)))
      let wanted = flat.indices.map { kept.contains($0) ? flat[$0] : 0 }
      let found = try order.flatMap { tensor in
        try merged.tensor(tensor.name).bytes().floats
      }
      let isSame = found == wanted
      #expect(isSame, "\(steps)")
    }
  }

  @Test(
    "outputs do not depend on threads or pieces", arguments: MergeMethods.names)
  func determinism(method: String) throws {
    // A little more than three chunks.
    let tensors = try (1...3).map {
      try LazyTensor.random("model.layers.0.weight", [400, 2000], seed: $0)
    }
    let (base, a, b) = (tensors[0], tensors[1], tensors[2])
    let isPair = ["slerp", "passthrough"].contains(method)
    let parameters: [String: String] = [
      "slerp": "t: 0.3", "passthrough": "scale: 0.5", "linear": "weight: 0.4",
      "adamerging": "weight: 0.4, ties: 0.2",
    ]
    let yaml = """
      merge_method: \(method)
      \(method == "linear" || method == "passthrough" ? "" : "base_model: base")
      models: [\(isPair ? "a" : "a, b")]
      parameters: {\(parameters[method] ?? "weight: 0.4, density: 0.6")}
      """
    let models = ["base": [base], "a": [a], "b": [b]]
    let folder = try TemporaryFolder()
    // Surveys and writing use the same number of workers.
    var (merges, files): ([Checkpoint], [[UInt8]]) = ([], [])
    for workers in [1, 3] {
      let merged = try Self.merged(yaml, models, workers: workers)
      let path = folder["\(workers).safetensors"]
      let job = try OutputJob(
        merged, to: path, container: SafetensorsContainer.self, options: WriterOptions(),
        replacesExisting: false)
      try job.writer.write(
        to: AtomicOutput(path: path, replacesExisting: false), engine: .test(workers: workers))
      merges.append(merged)
      files.append(try folder.bytes("\(workers).safetensors"))
    }
    #expect(files[0] == files[1])
    let first = merges[0].tensors[0]
    let bytes = try first.bytes()
    #expect(bytes.count == 3_200_000)
    #expect(try bytes == merges[1].tensors[0].bytes())
    // A part has the same values as in a read of the whole tensor.
    for range in [0..<1, 12_345..<99_999, 500_001..<550_000, 799_000..<800_000] {
      var values = ByteBuffer(byteCount: 4 * range.count)
      var scratch = ByteBuffer(
        byteCount: first.source.scratchByteCount(elementCount: range.count))
      var span = values.mutableBytes
      var room = scratch.mutableBytes
      try first.source.read(range, into: &span, scratch: &room)
      #expect(span.bytes.array() == Array(bytes[4 * range.lowerBound..<4 * range.upperBound]))
    }
    #expect(bytes != (try base.bytes()))
  }

  @Test("seeds, tensors and models have independent random numbers")
  func seeds() throws {
    let dimensions = [50, 60]
    let zeros = [Float](repeating: 0, count: 3000)
    let ones = [Float](repeating: 1, count: 3000)
    func masks(_ seed: UInt64) throws -> [[Float]] {
      let merged = try Self.merged(
        """
        merge_method: dare_linear
        base_model: base
        models:
          - {model: a, parameters: {weight: 1, density: 0.5}}
          - {model: b, parameters: {weight: 100, density: 0.5}}
        parameters: {rescale: false}
        """,
        [
          "base": [try .floats("x", dimensions, zeros), try .floats("y", dimensions, zeros)],
          "a": [try .floats("x", dimensions, ones), try .floats("y", dimensions, ones)],
          "b": [try .floats("x", dimensions, ones), try .floats("y", dimensions, ones)],
        ], options: MergeOptions(seed: seed))
      return try merged.tensors.map { try $0.bytes().floats }
    }
    let first = try masks(1)
    #expect(try masks(1) == first)
    #expect(try masks(2)[0] != first[0])
    #expect(first[0] != first[1])
    // The four combinations of two masks occur about equally often.
    for value in [0, 1, 100, 101] as [Float] {
      #expect((600...900).contains(first[0].count { $0 == value }))
    }
  }

  @Test("NaN in an input or in a result is an error with the index of the value")
  func notANumber() throws {
    var values = [Float](repeating: 1, count: 70_000)
    values[66_000] = .nan
    let good = [Float](repeating: 1, count: 70_000)
    for method in ["linear", "ties"] {
      #expect {
        _ = try Self.merged(
          """
          merge_method: \(method)
          base_model: b
          models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]
          """,
          ["a": [try .floats("w", [70_000], values)], "b": [try .floats("w", [70_000], good)]]
        ).tensors[0].bytes()
      } throws: { error in
        guard let error = error as? FormatError else { return false }
        return error.code == .nanOperand && error.path == "a" && error.reason.contains("66000")
      }
    }
    var infinite = good
    infinite[5] = .infinity
    #expect(throws: FormatError.self) {
      _ = try Self.merged(
        "merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: 1}}]",
        ["a": [try .floats("w", [70_000], infinite)], "b": [try .floats("w", [70_000], infinite)]]
      ).tensors[0].bytes()
    }
  }
}
