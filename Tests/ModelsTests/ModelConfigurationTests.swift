import Base
import Checkpoints
import Models
import TensorCore
import TestSupport
import Testing

@Suite struct ModelConfigurationTests {
  private func configuration(_ text: String) throws -> ModelConfiguration {
    ModelConfiguration(try #require(JSONValue.parse(Array(text.utf8).span).asObject))
  }

  @Test(
    "dialects name the same settings differently",
    arguments: [
      #"{"hidden_size":64,"num_hidden_layers":2,"num_attention_heads":8,"vocab_size":100,"max_position_embeddings":512,"intermediate_size":256}"#,
      #"{"n_embd":64,"n_layer":2,"n_head":8,"vocab_size":100,"n_positions":512,"n_inner":256}"#,
      #"{"d_model":64,"num_layers":2,"num_heads":8,"vocab_size":100,"max_sequence_length":512,"d_ff":256}"#,
      #"{"dim":64.0,"n_layers":2,"n_heads":8,"vocab_size":100,"n_positions":512,"ffn_dim":256}"#,
      #"{"model_type":"llava","text_config":{"hidden_size":64,"num_hidden_layers":2,"num_attention_heads":8,"vocab_size":100,"max_position_embeddings":512,"intermediate_size":256}}"#,
      #"{"vision_config":{"num_attention_heads":3},"llm_config":{"hidden_size":64,"num_hidden_layers":2,"num_attention_heads":8,"vocab_size":100,"max_position_embeddings":512,"intermediate_size":256}}"#,
    ])
  func dialects(text: String) throws {
    let model = try configuration(text)
    #expect(try model.hiddenSize == 64 && model.layerCount == 2 && model.headCount == 8)
    #expect(try model.vocabularySize == 100 && model.maximumPositions == 512)
    #expect(try model.headDim == 8 && model.keyValueHeadCount == 8)
    #expect(try model.intermediateSize == 256)
  }

  @Test(
    "the number of heads of keys and values is read from every dialect",
    arguments: [
      (#"{"num_attention_heads":8,"num_key_value_heads":2}"#, 2),
      (#"{"num_attention_heads":8,"num_kv_heads":2}"#, 2),
      (#"{"num_attention_heads":8,"multi_query":true}"#, 1),
      (#"{"num_attention_heads":8,"multi_query":true,"num_kv_heads":8}"#, 1),
      (
        #"{"num_attention_heads":8,"multi_query":true,"num_kv_heads":2,"new_decoder_architecture":true}"#,
        2
      ),
      (#"{"num_attention_heads":8,"multi_query_attention":true,"multi_query_group_num":2}"#, 2),
      (#"{"num_attention_heads":8,"num_key_value_heads":null}"#, 8),
    ])
  func keyValueHeads(text: String, count: Int) throws {
    #expect(try configuration(text).keyValueHeadCount == count)
  }

  @Test("settings of the whole model are read from the root, those of the text model from its part")
  func parts() throws {
    let model = try configuration(
      #"""
      {"model_type":"llama4","architectures":["A","B"],"tie_word_embeddings":true,"torch_dtype":"bfloat16",
       "quantization_config":{"quant_method":"fp8"},
       "text_config":{"model_type":"llama4_text","num_attention_heads":4,"head_dim":16,"num_local_experts":16,
       "num_experts_per_tok":1,"moe_intermediate_size":32,"rope_scaling":{"factor":2}}}
      """#)
    #expect(model.path == ["text_config"])
    #expect(try model.modelType == "llama4" && model.textModelType == "llama4_text")
    #expect(try model.architectures == ["A", "B"] && model.tiesEmbeddings == true)
    #expect(try model.dtypeName == "bfloat16" && model.headDim == 16)
    #expect(try model.expertCount == 16 && model.expertsPerToken == 1)
    #expect(try model.expertIntermediateSize == 32 && model.rope == ["factor": 2])
    #expect(try model.quantization == ["quant_method": "fp8"])
  }

  @Test("absent and null settings are nil")
  func absent() throws {
    let model = try configuration(#"{"hidden_size":null,"architectures":null,"model_type":null}"#)
    #expect(try model.hiddenSize == nil && model.architectures == [] && model.modelType == nil)
    #expect(try model.headDim == nil && model.keyValueHeadCount == nil && model.rope == nil)
    #expect(try model.tiesEmbeddings == nil && model.dtypeName == nil && model.expertCount == nil)
  }

  @Test(
    "a wrong type is an error that names the key",
    arguments: [
      (#"{"n_embd":"64"}"#, "n_embd is not a number"),
      (#"{"hidden_size":1.5}"#, "hidden_size is not a whole number"),
      (#"{"head_dim":0}"#, "head_dim is not a whole number above 0"),
      (#"{"head_dim":"x"}"#, "head_dim is not a whole number above 0"),
      (#"{"model_type":3}"#, "model_type is not a string"),
      (#"{"tie_word_embeddings":"yes"}"#, "tie_word_embeddings is not true or false"),
      (#"{"architectures":["A",1]}"#, "architectures is not a list of strings"),
      (#"{"rope_scaling":[]}"#, "rope_scaling is not an object"),
      (#"{"multi_query":1}"#, "multi_query is not true or false"),
    ])
  func faults(text: String, message: String) throws {
    let model = try configuration(text)
    let read: [(ModelConfiguration) throws -> Void] = [
      { _ = try $0.headDim },
      { _ = try $0.modelType },
      { _ = try $0.tiesEmbeddings },
      { _ = try $0.architectures },
      { _ = try $0.rope },
      { _ = try $0.keyValueHeadCount },
    ]
    var messages: [String] = []
    for read in read {
      do { try read(model) } catch let fault as ModelConfiguration.Fault {
        messages.append(fault.description)
      }
    }
    #expect(messages == [message])
  }

  // MARK: Files

  private static let code = FormatError.Code("test", meaning: "A test.", remedy: "None.")

  @Test("a configuration is read from a folder, a path and a checkpoint, with its bytes")
  func reading() throws {
    let bytes = try Fixtures.bytes("models/base/config.json")
    let folder = Fixtures.path("models/base")
    for file in [
      try ModelConfigurationFile(in: InputTree(path: folder), code: Self.code),
      try ModelConfigurationFile(path: folder + "/config.json", code: Self.code),
    ] {
      #expect(file.text == bytes)
      #expect(try file.configuration().layerCount == 4)
    }
    let empty = Checkpoint(
      path: "memory", container: .memory, tensors: [],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    #expect(try empty.modelConfiguration() == nil)
    let checkpoint = try empty.replacingCompanion(ModelConfig.name, with: bytes)
    #expect(try ModelConfigurationFile(of: checkpoint)?.text == bytes)
    #expect(try checkpoint.modelConfiguration()?.hiddenSize == 128)
    let broken = try empty.replacingCompanion(ModelConfig.name, with: Array("{".utf8))
    #expect(try broken.modelConfiguration() == nil)
  }

  @Test(
    "an error names a file that is not a configuration",
    arguments: [("{", "is not valid JSON"), ("[]", "is not a JSON object")])
  func malformed(text: String, reason: String) throws {
    let file = ModelConfigurationFile(text: Array(text.utf8))
    do throws(FormatError) {
      _ = try file.configuration(path: "model", code: Self.code)
      Issue.record("no error")
    } catch {
      #expect(error.path == "model" && error.code == Self.code)
      #expect(error.reason.description.hasPrefix("config.json \(reason)"))
    }
  }

  @Test("a file over the size limit is refused")
  func large() throws {
    let text = [UInt8](repeating: 0x20, count: ModelConfig.maximumByteCount + 1)
    let folder = try TemporaryFolder()
    try folder.write(text, to: "config.json")
    #expect(throws: FormatError.self) {
      _ = try ModelConfigurationFile(path: folder["config.json"], code: Self.code)
    }
  }

  @Test("values change only in the part of the document at the path")
  func changing() {
    let text = #"{"n":4,"text_config":{"n":4,"x":{"n":4}},"vision_config":{"n":4}}"#
    func changed(_ path: [String]) -> String? {
      ModelConfig.changing(Array(text.utf8), at: path) { key, value in
        key == "n" && value.asInt == 4 ? 5 : nil
      }.map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(changed([]) == #"{"n":5,"text_config":{"n":5,"x":{"n":5}},"vision_config":{"n":5}}"#)
    #expect(
      changed(["text_config"])
        == #"{"n":4,"text_config":{"n":5,"x":{"n":5}},"vision_config":{"n":4}}"#)
    #expect(changed(["other"]) == nil)
  }
}
