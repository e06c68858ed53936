import Base
import Checkpoints
import Conversion
import Models
import TensorCore
import TestSupport
import Testing

@Suite struct UntyingTests {
  private static func tied() throws -> Checkpoint {
    let owner = try LazyTensor.random("model.embed_tokens.weight", [64, 64], seed: 1)
    var alias = try LazyTensor.random("lm_head.weight", [64, 64], seed: 1)
    alias.aliasOf = owner.name
    return Checkpoint(
      path: "memory", container: .memory, tensors: [owner, alias],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  @Test(
    "an alias that is stored in another way than its tensor becomes a tensor of its own",
    arguments: ["model.embed*", "lm_head*"])
  func selection(excluded: String) throws {
    let int4 = TermRecipe(dense: try StorageType("int4"))
    let choice = StorageChoice(
      recipe: int4, selection: Selection(rules: [.exclude(Glob(excluded))]))
    let untied = choice.untying(try Self.tied())
    #expect(untied.tensors.allSatisfy { $0.aliasOf == nil })
    let stored = choice.applied(to: untied).checkpoint
    for tensor in stored.tensors {
      #expect(tensor.storage.isLossy != Glob(excluded).matches(tensor.name), "\(tensor.name)")
    }
    let rules = [StorageChoice.Rule(glob: Glob(excluded), recipe: int4)]
    #expect(
      StorageChoice(rules: rules).untying(try Self.tied()).tensors.allSatisfy { $0.aliasOf == nil })
  }

  @Test("an alias that is stored as its tensor stays an alias")
  func same() throws {
    let choice = StorageChoice(recipe: TermRecipe(dense: try StorageType("int4")))
    #expect(choice.untying(try Self.tied()).tensors[1].aliasOf == "model.embed_tokens.weight")
  }
}
