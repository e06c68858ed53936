import SystemPackage
import Base
import TensorCore

/// The files of a model folder that are no weights: config.json, the tokenizer, a licence, …
struct Companions {
  /// Suffixes of weights in other formats, which a converted model must not drag along.
  private static let weightSuffixes = [
    ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".npz",
    ".npy", ".tflite", ".ot", ".sumac", ".index.json",
  ]
  private static let deepestFolder = 8

  private(set) var tensors: [LazyTensor] = []
  private(set) var identities: [FileIdentity] = []
  private var left: [String] = []

  /// - Parameter weights: names that the weights themselves are in.
  init(in folder: String, weights: [String]) throws {
    try collect(folder, prefix: "", weights: Set(weights), depth: 0)
  }

  var notes: [String] {
    left.isEmpty
      ? [] : ["not carried along: \(left.map(\.printable).joined(separator: ", "))"]
  }

  /// Whether a file of that path may lie beside a folder's weights: it is not hidden, and nothing
  /// that a loader takes for weights or for their index.
  static func isCarried(_ path: String) -> Bool {
    let isHidden = path.split(separator: "/").contains { $0.hasPrefix(".") }
    return RelativePath.isSafe(path) && !isHidden
      && !weightSuffixes.contains(where: path.lowercased().hasSuffix)
  }

  private mutating func collect(
    _ folder: String, prefix: String, weights: Set<String>, depth: Int
  ) throws {
    for name in try FileSystem.names(in: folder) {
      let relative = prefix + name
      // Version control, caches, unfinished downloads.
      if name.hasPrefix(".") || name.contains(".partial-") { continue }
      if weights.contains(relative) { continue }
      if FileSystem.isDirectory(folder + "/" + name) {
        // A link to a folder may lead around in circles, or far away.
        let isLink = try FileSystem.typeIfPresent(folder + "/" + name) != .directory
        guard depth < Self.deepestFolder, !isLink else {
          left.append(relative + "/")
          continue
        }
        try collect(
          folder + "/" + name, prefix: relative + "/", weights: weights, depth: depth + 1)
      } else if Self.weightSuffixes.contains(where: name.lowercased().hasSuffix)
        || !FileSystem.isRegularFile(folder + "/" + name)
      {
        left.append(relative)
      } else {
        try add(InputFile(path: folder + "/" + name), as: relative)
      }
    }
  }

  private mutating func add(_ file: InputFile, as name: String) throws {
    let info = try TensorInfo(name: name, dtype: .u8, shape: Shape([file.byteCount]))
    tensors.append(
      LazyTensor(
        info: info, source: FileTensorSource(file: file, info: info, byteOffset: 0),
        stored: StoredForm(file: name, byteOffset: 0, byteCount: file.byteCount, dtype: .u8)))
    identities.append(file.identity)
  }
}
