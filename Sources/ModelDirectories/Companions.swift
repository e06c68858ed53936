import Base
import Checkpoints
import TensorCore

/// The files of a model folder other than the weights, such as config.json, the tokenizer or a licence.
struct Companions {
  /// Suffixes of weights in other formats, which are not copied into a converted model.
  private static let weightSuffixes = [
    ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".npz",
    ".npy", ".tflite", ".ot", ".sumac", ".index.json",
  ]
  private static let maximumDepth = 8

  private(set) var tensors: [LazyTensor] = []
  private(set) var identities: [FileIdentity] = []
  private var left: [String] = []

  /// - Parameter weights: The names of the files that contain the weights.
  init(of input: InputTree, weights: [String]) throws {
    try collect(input, folder: "", weights: Set(weights), depth: 0)
  }

  var notes: [Message] {
    left.isEmpty
      ? [] : ["not copied: \(left.map(\.printable).joined(separator: ", "))"]
  }

  /// True if a file of this path may be written beside weights: it is not hidden, and loaders do not take it
  /// for weights or for their index.
  static func isCarried(_ path: String) -> Bool {
    let isHidden = path.split(separator: "/").contains { $0.hasPrefix(".") }
    return RelativePath.isSafe(path) && !isHidden
      && !weightSuffixes.contains(where: path.lowercased().hasSuffix)
  }

  private mutating func collect(
    _ input: InputTree, folder: String, weights: Set<String>, depth: Int
  ) throws {
    for entry in try input.entries(in: folder) {
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      // Skip version control, caches and unfinished downloads.
      if entry.name.hasPrefix(".") || entry.name.contains(".partial-") { continue }
      if weights.contains(path) { continue }
      switch entry.kind {
      case .folder where depth < Self.maximumDepth:
        try collect(input, folder: path, weights: weights, depth: depth + 1)
      // A link to a folder may form a cycle or lead out of the folder.
      case .folder, .linkedFolder: left.append(path + "/")
      case .file where !Self.weightSuffixes.contains(where: entry.name.lowercased().hasSuffix):
        try add(input.open(path), as: path)
      case .linkedFile: left.append(path + " (a link that leaves the folder)")
      case .file, .other: left.append(path)
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
