import Archives
import Base
import Checkpoints
import Zip

/// The fuzz target for archives: the listing of tar and ZIP archives, links, and the contents of small members.
enum ArchiveTarget {
  static func run(_ bytes: [UInt8]) {
    FuzzFolder.with([("archive", repaired(bytes))]) { path in
      let input = try InputTree(
        path: path + "/archive", limit: CatalogLimit(byteCount: 1 << 30, use: .report))
      if let directory = try? ZipDirectory(input.openNamedFile(), limit: .none) {
        for member in directory.members {
          _ = try? directory.verifiedBytes(of: member, limit: 1 << 20)
        }
      }
      _ = try? ArchiveExtraction(input)
      guard let tree = try Archives.tree(of: input) else { return }
      read(tree, in: "")
    }
  }

  private static func read(_ tree: InputTree, in folder: String) {
    for entry in (try? tree.entries(in: folder)) ?? [] {
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      switch entry.kind {
      case .folder: read(tree, in: path)
      case .file:
        guard let file = try? tree.open(path), file.byteCount < 1 << 20 else { continue }
        _ = try? file.bytes(at: 0, count: file.byteCount)
      case .linkedFile, .linkedFolder, .brokenLink, .other: continue
      }
    }
  }

  /// Returns the bytes with correct checksums in the headers of a tar archive, so that the code after the check is
  /// reached.
  private static func repaired(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for start in stride(from: 0, to: bytes.count - 511, by: 512)
    where bytes[start + 257..<start + 262].elementsEqual("ustar".utf8) {
      bytes.replaceSubrange(start + 148..<start + 156, with: Array("        ".utf8))
      let sum = bytes[start..<start + 512].reduce(0) { $0 + Int($1) }
      let digits = String(sum, radix: 8)
      let field = String(repeating: "0", count: max(0, 6 - digits.count)) + digits + "\0 "
      bytes.replaceSubrange(start + 148..<start + 156, with: field.utf8.prefix(8))
    }
    return bytes
  }
}
