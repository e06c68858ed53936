import Base
import Checkpoints
import Merging
import Recipes
import Synchronization
import TensorCore
import TestSupport
import Testing

/// Tests that the progress of a merge's survey adds up to the work that was announced.
@Suite struct MergeProgressTests {
  private final class Counter: Progress {
    let byteCount = Mutex(0)
    func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {}
    func advance(byteCount: Int) { self.byteCount.withLock { $0 += byteCount } }
    func finish(tensor: TensorInfo) {}
    func end() {}
  }

  @Test(
    "surveys read what they announce",
    arguments: [
      ("ties", MergeOptions.Scope.tensor), ("ties", .global), ("breadcrumbs", .tensor),
      ("breadcrumbs", .global), ("della", .tensor), ("dare_ties", .tensor), ("linear", .tensor),
      ("slerp", .tensor),
    ])
  func total(method: String, scope: MergeOptions.Scope) throws {
    // Some tensors are surveyed in one pass; equal differences need a third pass in others.
    var random = SeededGenerator(seed: 3)
    func tensors(_ steps: Float) throws -> [LazyTensor] {
      try [("a", 700_000), ("b", 100), ("c", 90_000)].map { name, count in
        let values = (0..<count).map { _ in
          (Float.random(in: -1...1, using: &random) * steps).rounded() / steps
        }
        return try .floats(name, [count / 10, 10], values)
      }
    }
    let names = method == "slerp" ? ["m0"] : (0..<6).map { "m\($0)" }
    var models = ["base": try tensors(4)]
    for name in names { models[name] = try tensors(name == "m0" ? 0x1p20 : 4) }
    let values =
      method == "slerp" ? "" : method == "linear" ? "weight: 1" : "weight: 1, density: 0.5"
    let base = method == "linear" ? "" : "base_model: base"
    let yaml = """
      merge_method: \(method)
      \(base)
      models: [\(names.map { "{model: \($0), parameters: {\(values)}}" }.joined(separator: ", "))]
      \(method == "slerp" ? "parameters: {t: 0.5}" : "")
      """
    let recipe = try MergeRecipeReader.recipe(
      RecipeFile.parse(yaml, path: "r.yaml"), path: "r.yaml")
    let merging = try Merging(
      recipe,
      models: models.mapValues {
        Checkpoint(
          path: "m", container: .memory, tensors: $0,
          identity: InputIdentity(hash: "00", byteCount: 0), files: [])
      }, options: MergeOptions(scope: scope))
    try SeveralErrors.throwIfAny(merging.errors)
    let counter = Counter()
    try merging.survey(
      engine: Engine(workers: 2, cancellation: Cancellation(), progress: counter))
    #expect(counter.byteCount.withLock { $0 } == merging.surveyByteCount)
  }
}
