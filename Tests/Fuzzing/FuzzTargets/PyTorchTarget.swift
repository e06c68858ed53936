import Base
import Checkpoints
import Glibc
import PyTorch
import TensorCore
import Zip

/// Fuzz targets for files of PyTorch.
enum PyTorchTarget {
  private static let path: String = {
    let folder = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    return "\(folder)/sumac-fuzz-\(getpid()).pt"
  }()

  /// The limit on memory, so that a pickle that needs more than its length allows is noticed.
  private static let limit = CatalogLimit(byteCount: 4 << 30, use: .report)

  /// Runs a whole file.
  static func file(_ bytes: [UInt8]) {
    withFile { file in try file.write(bytes.rawSpan, at: 0) }
  }

  /// Runs a pickle in an archive with valid checksums and three storages.
  static func pickle(_ bytes: [UInt8]) {
    let storages: [[UInt8]] = [
      (0..<96).map { UInt8($0) }, Array(repeating: 0, count: 16), Array(repeating: 1, count: 48),
    ]
    var members: [(name: String, bytes: [UInt8])] = [
      ("a/data.pkl", bytes), ("a/version", Array("3\n".utf8)),
    ]
    members += storages.enumerated().map { ("a/data/\($0)", $1) }
    withFile { file in
      let layout = try ZipLayout(
        members.map { ZipLayout.Entry(name: $0.name, byteCount: $0.bytes.count) }, path: path)
      let checksums = ZipMemberChecksums(layout)
      for (index, member) in members.enumerated() {
        checksums.add(member.bytes.rawSpan, member: index, at: 0)
        try file.write(member.bytes.rawSpan, at: layout.dataOffsets[index])
      }
      try layout.write(checksums.all, to: file)
    }
  }

  /// Reads the file that `write` makes, with the whole value and with the automatic choice, and small tensors of it.
  private static func withFile(_ write: (OutputFile) throws -> Void) {
    _ = unsafe unlink(path)
    do {
      try write(OutputFile(creating: path))
      for key in [nil, ""] {
        let file = try PyTorchFile(InputFile(path: path), limit: limit, key: key)
        precondition(
          Set(file.tensors.map { Array($0.name.utf8) }).count == file.tensors.count,
          "two tensors have one name")
        for tensor in file.tensors.prefix(64) where tensor.info.byteCount < 1 << 20 {
          _ = try? tensor.bytes()
        }
      }
    } catch {}
    _ = unsafe unlink(path)
  }
}
