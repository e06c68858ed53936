import Base
import Checkpoints
import Containers
import Evaluation
import Models
import Networks
import TestSupport
import Testing
import Tokenizers

/// Embeddings of a sentence encoder against those of sentence-transformers.
@Suite(.needsOpenBLAS) struct EmbeddingTests {
  private static let folder = "networks/minilm/model"

  private func checkpoint() throws -> Checkpoint {
    try Containers.read(Fixtures.path(Self.folder))
  }

  private static func file(
    _ name: String, changed: [String: String] = [:]
  ) throws -> (bytes: [UInt8], path: String)? {
    if let text = changed[name] { return (Array(text.utf8), name) }
    guard let bytes = try? Fixtures.bytes(folder + "/" + name) else { return nil }
    return (bytes, name)
  }

  private func sentences(limit: Int = 32) throws -> Sentences {
    let file = try Fixtures.bytes(Self.folder + "/tokenizer.json")
    let tokenizer = try Tokenizer.load(from: file.rawSpan, path: "tokenizer.json")
    let text = String(decoding: try Fixtures.bytes("networks/minilm/sentences.txt"), as: UTF8.self)
    return try Sentences(
      text.split(separator: "\n").map { line in
        let ids = try tokenizer.encode(String(line), addSpecialTokens: false)
        return tokenizer.prefixIDs + ids.prefix(limit - 2) + tokenizer.suffixIDs
      })
  }

  private func encoder(
    _ compute: Compute, changed: [String: String] = [:]
  ) throws -> Embedder.Encoder {
    let checkpoint = try checkpoint()
    let config = try Fixtures.bytes(Self.folder + "/config.json")
    let model = try EvaluatedModel(
      checkpoint, ModelConfigurationFile(text: config).configuration(), compute)
    let modules = try SentenceModules { try Self.file($0, changed: changed) }
    return Embedder.Encoder(
      model, try SentenceHead(modules, checkpoint, width: model.hiddenSize, compute))
  }

  /// Files that turn the other modules off, with one mode of pooling.
  private static func pooled(_ mode: String) -> [String: String] {
    [
      "modules.json": """
      [{"type": "sentence_transformers.models.Transformer", "path": ""},
       {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]
      """,
      "1_Pooling/config.json": #"{"pooling_mode_\#(mode)": true}"#,
    ]
  }

  @Test(
    "embeddings are those of sentence-transformers",
    arguments: [
      ("mean", ""), ("cls", "cls_token"), ("max", "max_tokens"),
      ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
      ("weightedmean", "weightedmean_tokens"), ("lasttoken", "lasttoken"),
    ])
  func golden(name: String, key: String) throws {
    let compute = try OpenBLAS.compute(jobs: 2)
    let encoder = try encoder(compute, changed: key.isEmpty ? [:] : Self.pooled(key))
    let found = try Embedder(
      sentences(), EvaluationResources(compute, memory: 1 << 28, folder: "/tmp")
    )
    .embeddings(of: [encoder])
    let golden = try Containers.read(Fixtures.path("networks/minilm/embeddings.safetensors"))
    let expected = try #require(golden.tensors.first { $0.name == name }).bytes().floats
    #expect(found.count == 1 && found[0].count == 15)
    #expect(found[0].numbers.count == expected.count)
    let worst = zip(found[0].numbers, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst <= 1e-5)
  }

  @Test("embeddings depend on neither workers nor memory")
  func sameBits() throws {
    let compute = try OpenBLAS.compute()
    let expected = try Embedder(
      sentences(), EvaluationResources(compute, memory: 1 << 28, folder: "/tmp")
    )
    .embeddings(of: [encoder(compute)])
    let other = try OpenBLAS.compute(jobs: 3)
    let found = try Embedder(sentences(), EvaluationResources(other, memory: 0, folder: "/tmp"))
      .embeddings(of: [encoder(other), encoder(other)])
    #expect(found == [expected[0], expected[0]])
  }

  @Test("an encoder equals itself, and each of its blocks too")
  func equal() throws {
    let compute = try OpenBLAS.compute()
    let (found, layers) = try Embedder(
      sentences(), EvaluationResources(compute, memory: 1 << 28, folder: "/tmp")
    )
    .embeddings(of: encoder(compute), comparingLayersWith: encoder(compute))
    let comparison = EmbeddingComparison(found[0], base: found[1])
    #expect(comparison.cosines == Array(repeating: 1, count: 15))
    #expect(comparison.distances == Array(repeating: 0, count: 15))
    #expect(layers.count == 3 && layers.allSatisfy { $0.relativeDistance == 0 })
  }

  @Test(
    "an unknown module, mode or activation is an error that names it",
    arguments: [
      (
        "modules.json", #"[{"type": "a.Transformer", "path": ""}, {"type": "a.CNN", "path": "1"}]"#,
        "a.CNN"
      ),
      ("1_Pooling/config.json", #"{"pooling_mode": "attention"}"#, "attention"),
      ("1_Pooling/config.json", #"{"pooling_mode_median_tokens": true}"#, "median"),
      ("1_Pooling/config.json", "{}", "no pooling mode"),
      (
        "2_Dense/config.json",
        #"{"in_features": 64, "out_features": 24, "activation_function": "torch.nn.ELU"}"#, "ELU"
      ),
      ("sentence_bert_config.json", #"{"do_lower_case": true}"#, "do_lower_case"),
    ])
  func faults(name: String, text: String, word: String) {
    let error = #expect(throws: FormatError.self) {
      try SentenceModules { try Self.file($0, changed: [name: text]) }
    }
    #expect(error?.description.contains(word) == true)
  }

  @Test("a sentence without tokens, and no sentence, are errors")
  func empty() {
    #expect(throws: UsageError.self) { try Sentences([]) }
    #expect(throws: UsageError.self) { try Sentences([[1, 2], []]) }
  }
}
