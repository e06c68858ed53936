import Base
import Checkpoints
import Containers
import Merging
import TensorCore
import TestSupport
import Testing

/// Tests LoRA adapters written by PEFT against the weights that PEFT merges them to.
@Suite struct AdapterTests {
  static let cases = Fixtures.names(in: "lora", suffix: ".expected.safetensors").map {
    String($0.dropLast(".expected.safetensors".count))
  }

  private static func base() throws -> Checkpoint {
    try Cast(to: .f32).applied(to: Containers.read(Fixtures.path("models/base")))
  }

  @Test("there are cases") func count() { #expect(Self.cases.count == 4) }

  @Test("applied adapters produce the weights of PEFT", arguments: cases)
  func merged(name: String) throws {
    let vector = try TaskVector(Containers.read(Fixtures.path("lora/\(name)")))
    let application = VectorApplication(base: try Self.base(), vectors: [(vector, 1)])
    #expect(application.errors.isEmpty, "\(application.errors)")
    let applied = try application.applied()
    let expected = try Containers.read(Fixtures.path("lora/\(name).expected.safetensors"))
    #expect(expected.tensors.count == 2)
    for tensor in expected.tensors {
      let found = try applied.tensor(tensor.name).bytes().floats
      let wanted = try tensor.bytes().floats
      let worst = zip(found, wanted).reduce(0) { max($0, abs($1.0 - $1.1)) }
      #expect(worst <= 2e-6, "\(tensor.name): \(worst)")
      #expect(found.count == wanted.count)
    }
    // All other tensors are those of the base.
    let names = Set(expected.tensors.map(\.name))
    let base = try Self.base()
    for tensor in base.tensors where !names.contains(tensor.name) {
      #expect(try applied.tensor(tensor.name).bytes() == tensor.bytes())
    }
  }

  @Test("a scale that float32 cannot hold is refused with the name of the tensor")
  func scale() throws {
    let folder = try TemporaryFolder()
    let config = String(
      decoding: try Fixtures.bytes("lora/plain/adapter_config.json"), as: UTF8.self)
    let changed = config.replacing(/"lora_alpha": [0-9.]+/, with: "\"lora_alpha\": 1e200")
    #expect(changed != config)
    try folder.write(Array(changed.utf8), to: "adapter/adapter_config.json")
    try folder.write(
      Fixtures.bytes("lora/plain/adapter_model.safetensors"),
      to: "adapter/adapter_model.safetensors")
    let checkpoint = try Containers.read(folder["adapter"])
    let error = #expect(throws: FormatError.self) { try TaskVector(checkpoint) }
    #expect(error?.tensor?.hasSuffix(".weight") == true)
    #expect("\(error as Any)".contains("float32 cannot hold"))
  }

  @Test("an adapter is added to a BF16 model in float32 if the result is wanted in float32")
  func unrounded() throws {
    let base = try Containers.read(Fixtures.path("models/base"))
    let vector = try TaskVector(Containers.read(Fixtures.path("lora/plain")))
    let application = VectorApplication(base: base, vectors: [(vector, 1)])
    let applied = try application.applied(dtype: .f32)
    for tensor in try Containers.read(Fixtures.path("lora/plain.expected.safetensors")).tensors {
      let found = try applied.tensor(tensor.name)
      #expect(found.info.dtype == .f32)
      let worst = zip(try found.bytes().floats, try tensor.bytes().floats).reduce(0) {
        max($0, abs($1.0 - $1.1))
      }
      #expect(worst <= 2e-6, "\(tensor.name): \(worst)")
    }
  }

  @Test("a scale of one half moves weights half as far, including tensors that are stored whole")
  func scaled() throws {
    let base = try Self.base()
    let vector = try TaskVector(Containers.read(Fixtures.path("lora/embedding")))
    let half = try VectorApplication(base: base, vectors: [(vector, 0.5)]).applied()
    let whole = try VectorApplication(base: base, vectors: [(vector, 1)]).applied()
    for name in ["model.embed_tokens.weight", "model.norm.weight"] {
      let start = try base.tensor(name).bytes().floats
      let (middle, end) = (
        try half.tensor(name).bytes().floats, try whole.tensor(name).bytes().floats
      )
      let worst = start.indices.reduce(Float(0)) {
        max($0, abs(middle[$1] - (start[$1] + end[$1]) / 2))
      }
      #expect(worst < 1e-6 && start != end)
    }
  }

  @Test(
    "adapters other than plain LoRA are refused",
    arguments: [
      (#""r": 4"#, #""r": 5"#, "rank 5"),
      (#""use_dora": false"#, #""use_dora": true"#, "has no magnitudes"),
      (#""peft_type": "LORA""#, #""peft_type": "IA3""#, "IA3"),
      (#""layer_replication": null"#, #""layer_replication": [[0, 2]]"#, "layer_replication"),
      (#""r": 4"#, #""r": 0"#, "expected r above 0"), ("{", "[", "not a JSON object"),
    ])
  func refused(old: String, new: String, reason: String) throws {
    let folder = try TemporaryFolder()
    let config = String(
      decoding: try Fixtures.bytes("lora/plain/adapter_config.json"), as: UTF8.self)
    #expect(config.contains(old))
    try folder.write(
      Array(config.replacing(old, with: new).utf8), to: "a/adapter_config.json")
    try folder.write(
      try Fixtures.bytes("lora/plain/adapter_model.safetensors"),
      to: "a/adapter_model.safetensors")
    #expect {
      _ = try TaskVector(Containers.read(folder["a"]))
    } throws: { error in
      let errors = (error as? SeveralErrors)?.errors ?? [error as? any UserError].compactMap(\.self)
      return errors.contains { $0.description.contains(reason) }
    }
  }
}
