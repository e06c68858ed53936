import Base
import Checkpoints
import Merging
import Models
import TensorCore
import TestSupport
import Testing

/// Tests the layouts of adapters of other programs than PEFT on values that can be computed by hand.
@Suite struct OtherAdapterTests: AdapterSamples {
  @Test("adapters of kohya's scripts find modules without dots in their names")
  func kohya() throws {
    let name = "lora_unet_down_blocks_0_attn_to_q"
    let vector = try TaskVector(
      Self.checkpoint([
        .floats(name + ".lora_down.weight", [1, 2], [1, 2]),
        .floats(name + ".lora_up.weight", [2, 1], [1, 3]), .floats(name + ".alpha", [], [0.5]),
        .floats("lora_te_text_model_q.lora_down.weight", [1, 2], [1, 2]),
        .floats("lora_te_text_model_q.lora_up.weight", [2, 1], [1, 2]),
      ]))
    for (prefix, shape) in [
      ("", [2, 2]), ("", [2, 2, 1, 1]), ("model.diffusion_model.", [2, 2]),
    ] {
      let target = prefix + "down_blocks.0.attn.to_q.weight"
      let base = try Self.base([.floats(target, shape, [0, 0, 0, 0])])
      let application = VectorApplication(base: base, vectors: [(vector, 1)])
      #expect(application.errors.isEmpty, "\(application.errors)")
      #expect(application.notes.contains { $0.contains("another part of the pipeline") })
      #expect(try Self.values(target, of: application.applied()) == [0.5, 1, 1.5, 3])
    }
    let other = try Self.base([.floats("x.weight", [2, 2], [0, 0, 0, 0])])
    #expect(!VectorApplication(base: other, vectors: [(vector, 1)]).errors.isEmpty)
  }

  @Test(
    "other methods in files of kohya's layout are refused by name",
    arguments: [("x.hada_w1_a", "LoHa"), ("x.lokr_w1", "LoKr"), ("x.dora_scale", "DoRA")])
  func kohyaRefused(name: String, method: String) throws {
    let tensors: [LazyTensor] = [
      try .floats("x.lora_down.weight", [1, 2], [1, 2]),
      try .floats("x.lora_up.weight", [2, 1], [1, 2]), try .floats(name, [1], [1]),
    ]
    #expect { _ = try TaskVector(Self.checkpoint(tensors)) } throws: { Self.holds($0, method) }
  }

  @Test(
    "adapters of diffusers are read in both layouts",
    arguments: [
      ("unet.a.to_q.lora_A.weight", "unet.a.to_q.lora_B.weight", "a.to_q.weight"),
      ("unet.a.to_q.lora.down.weight", "unet.a.to_q.lora.up.weight", "a.to_q.weight"),
      (
        "unet.a.processor.to_out_lora.down.weight", "unet.a.processor.to_out_lora.up.weight",
        "a.to_out.0.weight"
      ),
      (
        "text_encoder.q.lora_linear_layer.down.weight",
        "text_encoder.q.lora_linear_layer.up.weight",
        "q.weight"
      ),
    ])
  func diffusers(down: String, up: String, target: String) throws {
    let checkpoint = try Self.checkpoint([
      .floats(down, [1, 2], [1, 2]), .floats(up, [2, 1], [1, 3]),
    ])
    let base = try Self.base([.floats(target, [2, 2], [0, 0, 0, 0])])
    let applied = try Self.applied(TaskVector(checkpoint), to: base)
    #expect(try Self.values(target, of: applied) == [1, 2, 3, 6])
    var scaled = checkpoint
    scaled.metadata = [
      Checkpoint.Metadatum(
        key: "lora_adapter_metadata",
        value:
          #"{"unet.r": 1, "unet.lora_alpha": 2, "text_encoder.r": 1, "text_encoder.lora_alpha": 2}"#
      )
    ]
    let twice = try Self.applied(TaskVector(scaled), to: base)
    #expect(try Self.values(target, of: twice) == [2, 4, 6, 12])
  }

  @Test("adapters of mlx-lm have transposed factors and a scale of their own")
  func mlx() throws {
    let vector = try TaskVector(
      Self.checkpoint(
        [
          .floats("q.lora_a", [2, 1], [1, 2]), .floats("q.lora_b", [1, 3], [1, 10, 100]),
          .floats("embed_tokens.lora_a", [3, 1], [1, 2, 3]),
          .floats("embed_tokens.lora_b", [1, 2], [1, 10]),
          .floats("experts.lora_a", [2, 1, 2], [1, 2, 3, 4]),
          .floats("experts.lora_b", [2, 1, 1], [1, 10]),
        ],
        files: [
          "adapter_config.json":
            #"{"fine_tune_type": "lora", "lora_parameters": {"rank": 1, "scale": 2.0}}"#
        ]))
    let base = try Self.base([
      .floats("q.weight", [3, 2], [0, 0, 0, 0, 0, 0]),
      .floats("embed_tokens.weight", [3, 2], [0, 0, 0, 0, 0, 0]),
      .floats("experts.weight", [2, 1, 2], [0, 0, 0, 0]),
    ])
    let applied = try Self.applied(vector, to: base)
    #expect(try Self.values("q.weight", of: applied) == [2, 4, 20, 40, 200, 400])
    #expect(try Self.values("embed_tokens.weight", of: applied) == [2, 20, 4, 40, 6, 60])
    #expect(try Self.values("experts.weight", of: applied) == [2, 4, 60, 80])
  }
}
