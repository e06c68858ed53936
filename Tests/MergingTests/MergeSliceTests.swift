import Base
import Checkpoints
import Merging
import Models
import TensorCore
import TestSupport
import Testing

/// Tests merges that stack slices of layers.
@Suite struct MergeSliceTests {
  @Test("stacked slices renumber the layers and change the configuration accordingly")
  func slices() throws {
    func model(_ name: String, _ start: Float) throws -> Checkpoint {
      try MergeCheckTests.checkpoint(
        name,
        try (0..<3).map {
          try MergeCheckTests.tensor("model.layers.\($0).w.weight", [2, 2], start + Float($0))
        }
          + [
            MergeCheckTests.tensor("model.embed_tokens.weight", [2, 2], start + 50),
            MergeCheckTests.tensor("model.norm.weight", [2], start + 60),
          ],
        config: #"{"num_hidden_layers": 3, "layer_types": ["x", "y", "z"], "other": [1, 2, 3]}"#)
    }
    let merging = try MergeCheckTests.merging(
      """
      merge_method: passthrough
      slices:
        - sources: [{model: a, layer_range: [0, 2]}]
        - sources: [{model: b, layer_range: [1, 3]}]
        - sources: [{model: b, layer_range: [0, 1]}]
      """, [try model("a", 0), try model("b", 100)])
    #expect(merging.errors.isEmpty, "\(MergeCheckTests.messages(merging))")
    let merged = try merging.surveyed(engine: .test())
    let layers = try (0..<5).map {
      try merged.tensor("model.layers.\($0).w.weight").bytes().floats[0]
    }
    #expect(layers == [0, 1, 101, 102, 100])
    #expect(merged.tensors.count == 7)
    #expect(try merged.tensor("model.embed_tokens.weight").bytes().floats[0] == 50)
    #expect(try merged.tensor("model.norm.weight").bytes().floats[0] == 160)
    let config = try #require(try merged.modelConfiguration()).root
    #expect(config["num_hidden_layers"]?.asInt == 5)
    #expect(config["layer_types"]?.asArray?.compactMap(\.asString) == ["x", "y", "y", "z", "x"])
    #expect(config["other"]?.asArray?.count == 3)
    let beyond = try MergeCheckTests.merging(
      "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [2, 5]}]}]",
      [try model("a", 0)])
    #expect(
      MergeCheckTests.messages(beyond).contains(
        "a has no layer 3: it has 3 layers, but layer_range ends at 5"))
  }

  @Test(
    "layers are counted before any is planned",
    arguments: [
      "[0, 2147483648]", "[0, 9223372036854775807]", "[9223372036854775806, 9223372036854775807]",
    ])
  func manyLayers(range: String) throws {
    let model = try MergeCheckTests.checkpoint(
      "a", [MergeCheckTests.tensor("model.layers.0.w.weight", [2, 2])])
    let merging = try MergeCheckTests.merging(
      "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: \(range)}]}]", [model]
    )
    #expect(merging.errors.count == 1 && merging.tensors.isEmpty)
    #expect(MergeCheckTests.messages(merging).contains("it has 1 layer, but layer_range ends at"))
  }

  @Test("slices that select too many tensors together are refused")
  func manyRows() throws {
    let model = try MergeCheckTests.checkpoint(
      "a", try (0..<100).map { try MergeCheckTests.tensor("model.layers.0.w\($0)", [1]) })
    let slices = (0..<12_000).map { _ in "*s" }.joined(separator: ", ")
    let merging = try MergeCheckTests.merging(
      """
      anchor: &s {sources: [{model: a, layer_range: [0, 1]}]}
      merge_method: passthrough
      slices: [\(slices)]
      """, [model])
    #expect(MergeCheckTests.messages(merging).contains("10,486 layers with 1,048,600 tensors"))
    #expect(merging.tensors.isEmpty)
  }

  @Test("a slice without layers adds none")
  func emptySlice() throws {
    let model = try MergeCheckTests.checkpoint(
      "a",
      [
        MergeCheckTests.tensor("model.embed_tokens.weight", [2, 2]),
        MergeCheckTests.tensor("model.layers.0.w", [2, 2]),
      ])
    let merging = try MergeCheckTests.merging(
      """
      merge_method: passthrough
      slices:
        - sources: [{model: a, layer_range: [1, 1]}]
        - sources: [{model: a, layer_range: [0, 1]}]
      """, [model])
    #expect(merging.errors.isEmpty, "\(MergeCheckTests.messages(merging))")
    #expect(
      try merging.output().tensors.map(\.name)
        == ["model.embed_tokens.weight", "model.layers.0.w"])
  }
}
