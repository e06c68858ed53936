import SystemPackage
package import Base

/// A way to keep a checkpoint in files.
package enum ContainerName: String, CaseIterable, Sendable {
  case safetensors, sumac, directory

  /// The suffix of a file's name; nil for folders.
  package var suffix: String? {
    switch self {
    case .safetensors: ".safetensors"
    case .sumac: ".sumac"
    case .directory: nil
    }
  }
}

/// Reading of one kind of container.
package protocol Container: Sendable {
  static var name: ContainerName { get }
  /// Whether an input is of this kind, by its content first and its name second.
  static func recognizes(_ input: InputGlance) -> Bool
  /// Reads headers only; values are read later, from the files that stay open.
  static func read(_ path: String) throws -> Checkpoint
}

/// What can be seen of an input without knowing what it is.
package struct InputGlance: Sendable {
  package var path: String
  package var isDirectory: Bool
  /// The first bytes of a file, at most 16.
  package var prefix: [UInt8]

  package init(path: String) throws {
    self.path = path
    isDirectory = try FileSystem.stat(path).type == .directory
    prefix = []
    if !isDirectory {
      let file = try InputFile(path: path)
      prefix = try file.bytes(at: 0, count: min(16, file.byteCount))
    }
  }
}

package enum Containers {
  /// Every container that can be read. The first that recognizes an input reads it.
  package static let all: [any Container.Type] = [
    PackedContainer.self,
    ModelDirectoryContainer.self,
    SafetensorsContainer.self,
  ]

  package static func read(_ path: String) throws -> Checkpoint {
    let glance = try InputGlance(path: path)
    guard let container = all.first(where: { $0.recognizes(glance) }) else {
      throw FormatError(
        .unknownContainer, glance.guess ?? "is of no format that this version reads", path: path,
        hint: "readable are .safetensors, .sumac and Hugging Face model folders")
    }
    return try container.read(path)
  }
}

extension FormatError.Code {
  package static let unknownContainer = FormatError.Code("container.unknown")
}

extension InputGlance {
  /// What an unreadable file seems to be.
  fileprivate var guess: String? {
    let signatures: [([UInt8], String)] = [
      (Array("GGUF".utf8), "is a GGUF file, which this version does not read"),
      ([0x50, 0x4B, 3, 4], "is a zip archive (PyTorch or npz), which this version does not read"),
      (
        Array("\u{93}NUMPY".unicodeScalars.map { UInt8($0.value) }),
        "is an npy file, which this version does not read"
      ),
      ([0x80, 2], "is a pickle, which this version does not read"),
      ([0x1F, 0x8B], "is compressed by gzip; unpack it first"),
      ([0x28, 0xB5, 0x2F, 0xFD], "is compressed by zstd; unpack it first"),
    ]
    if prefix.isEmpty { return isDirectory ? nil : "is empty" }
    return signatures.first { prefix.starts(with: $0.0) }?.1
  }
}
