import Base
import Checkpoints
import Containers
import Merging
import Models
import Recipes
import TensorCore
import TestSupport
import Testing

/// A case of `Fixtures/merge`: a recipe and the output of mergekit.
struct GoldenMerge: Sendable, CustomTestStringConvertible {
  let name: String
  var testDescription: String { name }

  static let all: [GoldenMerge] =
    Fixtures.names(in: "merge/expected", suffix: ".safetensors").map {
      GoldenMerge(name: String($0.dropLast(".safetensors".count)))
    }

  /// True if mergekit draws the masks, whose random numbers differ from ours.
  var isRandom: Bool { name.contains("_seed") }

  func recipe() throws -> MergeRecipe {
    let path = Fixtures.path("merge/cases/\(name).yaml")
    return try MergeRecipeReader.recipe(RecipeFile.read(path), path: path)
  }

  func merging(options: MergeOptions = MergeOptions()) throws -> Merging {
    let recipe = try recipe()
    var models: [String: Checkpoint] = [:]
    for model in recipe.models {
      models[model] = try Containers.read(Fixtures.path("merge/\(model)"))
    }
    return try Merging(recipe, models: models, options: options)
  }

  func expected() throws -> [LazyTensor] {
    try Containers.read(Fixtures.path("merge/expected/\(name).safetensors")).tensors
  }

  /// Returns the values of the tensors with one name in all models.
  func inputs(_ name: String) throws -> [[Float]] {
    try recipe().models.map { model in
      try Containers.read(Fixtures.path("merge/\(model)")).tensor(name).wideValues()
    }
  }

  /// For each tensor, the values that depend on which of equal magnitudes is kept.
  func ambiguous() throws -> [String: [UInt8]] {
    let path = "merge/ambiguous/\(name).safetensors"
    guard Fixtures.names(in: "merge/ambiguous").contains(name + ".safetensors") else { return [:] }
    return try Dictionary(
      uniqueKeysWithValues: Containers.read(Fixtures.path(path)).tensors.map {
        ($0.name, try $0.bytes())
      })
  }
}

extension Checkpoint {
  func tensor(_ name: String) throws -> LazyTensor {
    try #require(tensors.first { $0.name == name }, "\(name)")
  }
}

extension LazyTensor {
  /// Returns all values in float32.
  func wideValues() throws -> [Float] {
    guard info.dtype != .f32 else { return try bytes().floats }
    var buffer = ByteBuffer(byteCount: 4 * info.elementCount)
    var span = buffer.mutableBytes
    let stored = try bytes()
    try Kernels.best.convert(
      stored.rawSpan, from: info.dtype, to: .f32, elementCount: info.elementCount,
      saturating: false, into: &span)
    return span.bytes.array().floats
  }
}

/// Tests merges against mergekit 0.1.5.
@Suite struct GoldenMergeTests {
  @Test("every method has cases") func count() throws {
    let methods = try Set(GoldenMerge.all.map { try $0.recipe().method })
    #expect(GoldenMerge.all.count == 26)
    // mergekit has no adamerging.
    #expect(Set(MergeMethods.names).subtracting(methods) == ["della_linear", "adamerging"])
  }

  /// Returns the distance between neighboring numbers of a dtype at a value.
  private static func step(_ value: Float, _ dtype: DType) -> Float {
    let digits: Float = dtype == .bf16 ? 0x1p-7 : 0x1p-10
    guard value != 0 else { return 0x1p-24 }
    return Float(sign: .plus, exponent: value.exponent, significand: 1) * digits
  }

  @Test("all tensors match the values of mergekit", arguments: GoldenMerge.all)
  func values(golden: GoldenMerge) throws {
    let merging = try golden.merging()
    #expect(merging.errors.isEmpty, "\(merging.errors)")
    let merged = try merging.surveyed(engine: .test())
    try checkManifest(golden, merged)
    guard !golden.isRandom else { return }
    let ambiguous = try golden.ambiguous()
    #expect(try !golden.expected().isEmpty)
    for expected in try golden.expected() {
      let tensor = try merged.tensor(expected.name)
      #expect(tensor.info.dtype == expected.info.dtype && tensor.info.shape == expected.info.shape)
      let (found, wanted) = (try tensor.wideValues(), try expected.wideValues())
      let skipped = ambiguous[expected.name] ?? []
      // mergekit also rounds differences to BF16, so its error is up to one step of the operands.
      let inputs = expected.info.dtype == .bf16 ? try golden.inputs(expected.name) : []
      var wrong = 0
      for index in found.indices where skipped.isEmpty || skipped[index] == 0 {
        let tolerance =
          switch expected.info.dtype {
          case .f32: golden.name.hasPrefix("passthrough") ? 1.5e-8 : Float(5e-7)
          default:
            Self.step(
              inputs.reduce(wanted[index].magnitude) { largest, values in
                max(
                  largest, values[index].magnitude, (values[index] - inputs[0][index]).magnitude)
              },
              expected.info.dtype)
          }
        if !(abs(found[index] - wanted[index]) <= tolerance) { wrong += 1 }
      }
      // Here BF16 differences are trimmed before they are rounded.
      let allowed = golden.name == "bf16_ties" ? found.count * 15 / 1000 : 0
      #expect(wrong <= allowed, "\(expected.name): \(wrong) of \(found.count)")
    }
    if golden.name == "bf16_in_f32_math_bf16_out" {
      for expected in try golden.expected() {
        #expect(try merged.tensor(expected.name).bytes() == expected.bytes())
      }
    }
  }

  private func checkManifest(_ golden: GoldenMerge, _ merged: Checkpoint) throws {
    let text = try Fixtures.bytes("merge/manifest/\(golden.name).json")
    let manifest = try JSONValue.parse(text.span)
    let tensors = try #require(manifest["tensors"]?.asObject)
    #expect(Set(tensors.map(\.key)) == Set(merged.tensors.map(\.name)))
    for (name, facts) in tensors {
      let tensor = try merged.tensor(name)
      #expect(tensor.info.shape.dimensions == facts["shape"]?.asArray?.compactMap(\.asInt))
      #expect(ModelConfig.name(of: tensor.info.dtype) == facts["dtype"]?.asString)
      if golden.isRandom { continue }
      let values = try tensor.wideValues().map(Double.init)
      let sum = values.reduce(0, +)
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let rough = tensor.info.dtype == .f32 ? 2e-5 : 5e-3
      // The choice among equal magnitudes changes sums by some of them.
      let hasTies = try !golden.ambiguous().isEmpty
      let bound = (hasTies ? 0.02 : rough) * max(1, norm)
      #expect(abs(norm - (facts["l2"]?.asDouble ?? .nan)) <= bound, "\(name)")
      #expect(abs(sum - (facts["sum"]?.asDouble ?? .nan)) <= 10 * bound, "\(name)")
    }
    let config = try #require(try merged.modelConfiguration()).root
    let layers = manifest["config_out"]?["num_hidden_layers"]?.asInt
    #expect(config["num_hidden_layers"]?.asInt == layers)
  }

  @Test(
    "random masks keep the requested share, and rescaling keeps the sum of magnitudes",
    arguments: GoldenMerge.all.filter(\.isRandom))
  func random(golden: GoldenMerge) throws {
    let merged = try golden.merging(options: MergeOptions(seed: 7)).surveyed(engine: .test())
    let base = try Containers.read(Fixtures.path("merge/inputs/base"))
    let tuned = try Containers.read(Fixtures.path("merge/inputs/ft_a"))
    let rescales = !golden.name.contains("norescale")
    let (density, weight): (Double, Float) = rescales ? (0.4, 0.8) : (0.7, 1)
    // The masks of mergekit follow the same rule as ours.
    let expected = try golden.expected()
    var comparisonCount = 0
    for outputs in [merged.tensors, expected] {
      for output in outputs {
        let b = try base.tensor(output.name).wideValues()
        let delta = zip(try tuned.tensor(output.name).wideValues(), b).map { $0 - $1 }
        let found = try output.wideValues()
        let isKept = zip(found, b).map { $0 != $1 }
        let before = delta.reduce(0.0) { $0 + Double(abs($1)) }
        let after = zip(delta, isKept).reduce(0.0) { $0 + ($1.1 ? Double(abs($1.0)) : 0) }
        // A tensor that was not fine-tuned has no differences to drop.
        guard before > 0 else { continue }
        try #require(after > 0, "\(output.name)")
        comparisonCount += 1
        let factor = rescales ? Float(before / after) : 1
        for index in found.indices where isKept[index] {
          let wanted = b[index] + weight * (delta[index] * factor)
          #expect(abs(found[index] - wanted) <= 1e-6, "\(output.name) \(index)")
        }
        let share = Double(isKept.count(where: \.self)) / Double(isKept.count)
        let deviation = (density * (1 - density) / Double(isKept.count)).squareRoot()
        #expect(abs(share - density) <= 5 * deviation + 0.02, "\(output.name) \(share)")
      }
    }
    // All tensors of the fine-tune except one differ from the base.
    #expect(comparisonCount >= merged.tensors.count + expected.count - 2 && expected.count > 2)
  }
}
