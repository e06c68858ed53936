import Checkpoints
import Containers
import Merging
import Packing
import TensorCore

/// The fuzz target for adapters: a configuration, the factors, and a base that they are applied to.
enum AdapterTarget {
  static func run(_ bytes: [UInt8]) {
    let parts = FuzzFolder.parts(bytes, count: 3)
    let files = [
      ("adapter/adapter_config.json", parts[0]), ("adapter/adapter_model.safetensors", parts[1]),
      ("base.safetensors", parts[2]),
    ]
    FuzzFolder.with(files) { path in
      let vector = try TaskVector(Containers.read(path + "/adapter"))
      let base = try Containers.read(path + "/base.safetensors")
      let application = VectorApplication(base: base, vectors: [(vector, 1)])
      guard application.errors.isEmpty else { return }
      for tensor in try application.applied().tensors where tensor.info.byteCount < 1 << 20 {
        _ = try tensor.bytes()
      }
    }
  }
}
