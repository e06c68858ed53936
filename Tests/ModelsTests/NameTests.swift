import Checkpoints
import Models
import TensorCore
import TestSupport
import Testing

@Suite struct NameTests {
  @Test(
    "the first number in a name is its layer",
    arguments: [
      ("model.layers.3.mlp.up_proj.weight", "model.layers.", 3, ".mlp.up_proj.weight"),
      ("h.0.attn.c_attn.weight", "h.", 0, ".attn.c_attn.weight"), ("7.w", "", 7, ".w"),
      ("model.layers.2.mlp.experts.5.w1", "model.layers.", 2, ".mlp.experts.5.w1"),
    ])
  func parts(name: String, prefix: String, index: Int, suffix: String) throws {
    let parts = try #require(LayerNames.parts(of: name))
    #expect(parts.prefix == prefix && parts.index == index && parts.suffix == suffix)
  }

  @Test(
    "names without a layer number have no parts",
    arguments: ["", ".", "lm_head.weight", "layer3.w", "a.99999999999999999999.w", "a.4000000.w"])
  func noParts(name: String) { #expect(LayerNames.parts(of: name) == nil) }

  @Test("the main run of layers is the one of the configured length, otherwise the longest")
  func runs() {
    let names = (0..<4).map { "a.\($0).w" } + (0..<6).map { "b.\($0).w" }
    let layers = LayerNames(names + ["head.w"])
    #expect(layers.counts == ["a.": 4, "b.": 6])
    #expect(layers.main(configured: nil) == "b." && layers.main(configured: 4) == "a.")
    #expect(layers.main(configured: 5) == "b.")
    #expect(LayerNames(["a.0.w", "b.0.w"]).main(configured: nil) == nil)
    #expect(layers.position(of: "b.3.w") == 0.6 && layers.position(of: "head.w") == 0)
  }

  @Test("the token table is the only embedding outside the layers that is not of positions")
  func tokenEmbeddings() throws {
    func checkpoint(_ names: [String]) throws -> Checkpoint {
      Checkpoint(
        path: "memory", container: .memory,
        tensors: try names.map { try .floats($0, [2, 2], [1, 2, 3, 4]) },
        identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    }
    let gpt = try checkpoint(["wte.weight", "wpe.weight", "h.0.embed.weight", "lm_head.weight"])
    #expect(TensorNames.tokenEmbeddings(of: gpt)?.name == "wte.weight")
    let two = try checkpoint(["a.embed_tokens.weight", "b.embed_tokens.weight"])
    #expect(TensorNames.tokenEmbeddings(of: two) == nil)
  }

  @Test("output layers and prefixes of adapters are recognized")
  func others() {
    #expect(TensorNames.isOutputWeight("lm_head.weight"))
    #expect(TensorNames.isOutputWeight("language_model.lm_head.weight"))
    #expect(!TensorNames.isOutputWeight("model.norm.weight"))
    let name = "base_model.model.model.norm.weight"
    #expect(TensorNames.withoutPrefix(TensorNames.adapterPrefix, name) == "model.norm.weight")
    #expect(TensorNames.withoutPrefix(TensorNames.adapterPrefix, "norm.weight") == "norm.weight")
  }
}
