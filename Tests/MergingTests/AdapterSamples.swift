import Base
import Checkpoints
import Merging
import Models
import TensorCore
import TestSupport
import Testing

/// Adapters, bases and their sums, for the tests of the layouts of adapters.
protocol AdapterSamples {}

extension AdapterSamples {
  private static var config: String { #""peft_type": "LORA", "r": 1, "lora_alpha": 1"# }

  static func checkpoint(
    _ tensors: [LazyTensor], path: String = "adapter", files: [String: String] = [:]
  ) throws -> Checkpoint {
    var result = Checkpoint(
      path: path, container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    for (name, text) in files {
      result = try result.replacingCompanion(name, with: Array(text.utf8))
    }
    return result
  }

  static func adapter(
    _ tensors: [LazyTensor], _ options: String = ""
  ) throws -> TaskVector {
    try TaskVector(
      checkpoint(tensors, files: ["adapter_config.json": "{\(config)\(options)}"]))
  }

  static func base(_ tensors: [LazyTensor], config: String = "{}") throws -> Checkpoint {
    try checkpoint(tensors, path: "base", files: ["config.json": config])
  }

  static func applied(
    _ vector: TaskVector, to base: Checkpoint, scale: Double = 1
  ) throws -> Checkpoint {
    let application = VectorApplication(base: base, vectors: [(vector, scale)])
    #expect(application.errors.isEmpty, "\(application.errors)")
    return try application.applied()
  }

  static func values(_ name: String, of checkpoint: Checkpoint) throws -> [Float] {
    let tensor = try #require(checkpoint.tensors.first { $0.name == name }, "\(name)")
    return try tensor.bytes().floats
  }

  static func text(_ name: String, of checkpoint: Checkpoint) throws -> String {
    let companion = try #require(checkpoint.companions.first { $0.name == name })
    return String(decoding: try companion.bytes(), as: UTF8.self)
  }

  /// Returns true if an error has the text.
  static func holds(_ error: any Error, _ text: String) -> Bool {
    let errors = (error as? SeveralErrors)?.errors ?? [error as? any UserError].compactMap(\.self)
    return errors.contains { $0.description.contains(text) }
  }

  static func factors(_ module: String) throws -> [LazyTensor] {
    [
      try .floats(module + ".lora_A.weight", [1, 2], [1, 2]),
      try .floats(module + ".lora_B.weight", [2, 1], [1, 3]),
    ]
  }
}
