import Base
import Checkpoints
import Models
import TensorCore
import Testing

@Suite struct ModelConfigTests {
  @Test(
    "every dtype key is set, and nothing else changes",
    arguments: [
      (#"{"a": 1.50, "torch_dtype" : "float32"}"#, #"{"a": 1.50, "torch_dtype" : "bfloat16"}"#),
      (
        #"{"dtype":"float16","text_config":{"torch_dtype":"float16","x":[{"dtype":"float16"}]}}"#,
        #"{"dtype":"bfloat16","text_config":{"torch_dtype":"bfloat16","x":[{"dtype":"float16"}]}}"#
      ),
    ])
  func set(text: String, expected: String) {
    let result = ModelConfig.settingDType(.bf16, in: Array(text.utf8))
    #expect(result.map { String(decoding: $0, as: UTF8.self) } == expected)
  }

  @Test(
    "a configuration without such a dtype or without JSON is not changed",
    arguments: [
      #"{"torch_dtype": "bfloat16"}"#, #"{"torch_dtype": "auto"}"#, #"{"torch_dtype": null}"#, "{}",
      "", "[]", "{", #"{"torch_dtype": "float32"} x"#,
    ])
  func unchanged(text: String) {
    #expect(ModelConfig.settingDType(.bf16, in: Array(text.utf8)) == nil)
  }

  @Test("conversion sets the dtype in the config.json of the model only")
  func converted() throws {
    let empty = Checkpoint(
      path: "memory", container: .memory, tensors: [],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    let checkpoint = try empty.replacingCompanion(
      "config.json", with: Array(#"{"torch_dtype":"float32"}"#.utf8))
    let changed = try checkpoint.changingConfig { ModelConfig.settingDType(.f16, in: $0) }
    #expect(try changed.companions[0].bytes() == Array(#"{"torch_dtype":"float16"}"#.utf8))
    #expect(changed.companions[0].info.byteCount == 25)
    #expect(try checkpoint.changingConfig { _ in nil }.companions[0].bytes().count == 25)
  }
}
