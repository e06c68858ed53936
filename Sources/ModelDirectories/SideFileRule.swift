import Base
import Checkpoints
import Safetensors
import TensorCore

/// Decides from name, content and size whether a file beside the weights belongs to the model.
///
/// Exported models and copies of the weights do not belong to it, and neither do large files. Everything else does:
/// a tokenizer, voices, or the weights of a small module in a subfolder.
struct SideFileRule {
  /// A file of up to this size is small beside any model.
  private static let smallByteCount = 64 << 20
  /// A file of less than this part of the weights is small, and is not a copy of them in fewer bits.
  private static let smallPart = 8

  private let byteCount: Int
  private let elementCount: Int
  private let shapes: [UTF8Key: Shape]

  init(_ tensors: [TensorInfo]) {
    byteCount = tensors.reduce(0) { $0 + $1.byteCount }
    elementCount = tensors.reduce(0) { $0 + $1.elementCount }
    shapes = Dictionary(tensors.map { (UTF8Key($0.name), $0.shape) }) { first, _ in first }
  }

  private enum Content {
    /// Tensors with names and shapes.
    case safetensors([TensorInfo])
    /// Tensors in a format of PyTorch or NumPy.
    case tensors
    /// A whole model for one program.
    case exported
    case other
  }

  /// Returns the reason to leave the file out; nil if it belongs to the model.
  func reasonToSkip(_ file: InputFile, path: String) throws -> SkippedFile.Reason? {
    let isLarge = file.byteCount > max(Self.smallByteCount, byteCount / Self.smallPart)
    switch try content(of: file, path: path.lowercased()) {
    case .safetensors(let tensors) where isCopy(tensors): return .copyOfWeights
    case .exported
    where file.byteCount >= byteCount / Self.smallPart || WeightFileNames.isNamedLikeWeights(path):
      return .copyOfWeights
    case .tensors where isSizeOfCopy(file.byteCount): return .copyOfWeights
    case .safetensors, .exported, .tensors, .other: return isLarge ? .large : nil
    }
  }

  /// Returns true if a file in a format of PyTorch is as large as the weights in the same dtype, or in one with twice
  /// the bytes.
  private func isSizeOfCopy(_ count: Int) -> Bool {
    [byteCount, 2 * byteCount].contains { wanted in
      // The format adds a directory to the values.
      (wanted - wanted / 50...wanted + wanted / 20 + 2048).contains(count)
    }
  }

  /// Returns true if most tensors have the name and shape of one of the weights, or if they have about as many
  /// values.
  private func isCopy(_ tensors: [TensorInfo]) -> Bool {
    let shared = tensors.count { shapes[UTF8Key($0.name)] == $0.shape }
    let count = tensors.reduce(0) { $0 + $1.elementCount }
    return 2 * shared > tensors.count || (count > 0 && 10 * count >= 9 * elementCount)
  }

  private func content(of file: InputFile, path: String) throws -> Content {
    let start = try file.bytes(at: 0, count: min(16, file.byteCount))
    if start.count > 8, start[8] == UInt8(ascii: "{"),
      let header = try? SafetensorsFile(file).header
    {
      return .safetensors(header.entries.map(\.info))
    }
    let name = path.split(separator: "/").last ?? ""
    if name.hasPrefix("openvino_") && name.hasSuffix(".bin")
      || WeightFileNames.exportedSuffixes.contains(where: path.hasSuffix)
      || Self.exportedSignatures.contains(where: start.starts(with:))
    {
      return .exported
    }
    let isPickle = start.count > 1 && start[0] == 0x80 && (2...5).contains(start[1])
    let isTensors =
      isPickle || start.starts(with: [0x50, 0x4B, 3, 4])
      || WeightFileNames.tensorSuffixes.contains(where: path.hasSuffix)
    return isTensors ? .tensors : .other
  }

  /// The first bytes of GGUF, HDF5 and TensorRT files.
  private static let exportedSignatures: [[UInt8]] = [
    Array("GGUF".utf8), [0x89] + Array("HDF\r\n".utf8), Array("ftrt".utf8),
  ]
}
