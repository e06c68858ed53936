import Base
import Glibc

/// The inputs of targets that read several files: parts of one byte sequence, and files with their contents.
enum FuzzFolder {
  private static let path: String = {
    let folder = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    return "\(folder)/sumac-fuzz-\(getpid())-files"
  }()

  /// Divides the input into `count` parts. Each but the last has its length before it, as four bytes in little-endian
  /// order; a length beyond the end stands for all bytes that are left.
  static func parts(_ bytes: [UInt8], count: Int) -> [[UInt8]] {
    var rest = bytes[...]
    var parts: [[UInt8]] = []
    for _ in 1..<count {
      let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(4)
      parts.append(Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return parts + [Array(rest)]
  }

  /// Calls `body` with the path of a temporary folder that has these files, and ignores its errors. Names may have
  /// one folder before them.
  static func with(_ files: [(name: String, bytes: [UInt8])], _ body: (String) throws -> Void) {
    try? FileSystem.removeTree(path)
    do {
      try FileSystem.createDirectory(path)
      for (name, bytes) in files {
        if let folder = name.split(separator: "/").dropLast().first {
          let inner = path + "/" + folder
          if !FileSystem.isDirectory(inner) { try FileSystem.createDirectory(inner) }
        }
        try OutputFile(creating: path + "/" + name).write(bytes.rawSpan, at: 0)
      }
      try body(path)
    } catch {}
    try? FileSystem.removeTree(path)
  }
}
