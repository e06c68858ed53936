package import Base

/// The name of a container, as `--to` takes it and reports show it.
///
/// Each container declares its own as a static member.
package struct ContainerName: RawRepresentable, Hashable, Sendable {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
}

/// A way to keep a checkpoint in files.
package protocol Container: Sendable {
  static var name: ContainerName { get }
  /// Half a sentence about what it is, for messages that list what can be read.
  static var summary: String { get }
  /// The suffix of its files, dot included; nil for folders.
  static var suffix: String? { get }
  /// What makes an input look like one of this kind; nil if nothing does.
  static func recognition(of input: InputTree) -> ContainerRecognition?
  /// Reads headers only; values are read later, from the files that stay open.
  static func read(_ input: InputTree) throws -> Checkpoint
  /// How it is written; nil if it is only read.
  static var output: (any ContainerOutput.Type)? { get }
}

/// Why an input is taken for one of a kind.
package enum ContainerRecognition: Sendable {
  /// Its first bytes, or that it is a folder.
  case content
  /// Its name alone.
  case name
}

extension Container {
  package static func recognizes(_ input: InputTree) -> Bool { recognition(of: input) != nil }

  package static var output: (any ContainerOutput.Type)? { nil }

  package static func read(_ path: String) throws -> Checkpoint {
    try read(InputTree(path: path))
  }
}

/// Writing of one kind of container.
package protocol ContainerOutput: Container {
  /// Whether an output is a folder.
  static var isFolder: Bool { get }
  /// Whether it holds tensors as terms: quantized, sparse, of low rank.
  static var holdsTerms: Bool { get }
  /// Whether it can be written to a pipe, from its first byte to its last.
  static var isSequential: Bool { get }
  /// The options that shape its bytes, for the lineage.
  static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option]
  /// Plans an output from headers.
  static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter
}

extension ContainerOutput {
  package static var isSequential: Bool { false }
  package static var output: (any ContainerOutput.Type)? { Self.self }
}

/// A set of containers.
///
/// An input is read by the first that recognizes its content, or else by the first that recognizes its name.
package struct ContainerRegistry: Sendable {
  package let all: [any Container.Type]

  package init(_ all: [any Container.Type]) { self.all = all }

  /// Reads headers of a file or folder.
  /// - Throws: ``FormatError`` if no container recognizes it, and what its container finds wrong.
  package func read(_ path: String) throws -> Checkpoint {
    let input = try InputTree(path: path)
    let byContent = all.first { $0.recognition(of: input) == .content }
    guard let container = byContent ?? all.first(where: { $0.recognizes(input) }) else {
      let readable = all.map { $0.summary }
      throw FormatError(
        .unknownContainer, input.guess ?? "is of no format that this version reads", path: path,
        hint: "readable are \(readable.dropLast().joined(separator: ", ")) and "
          + (readable.last ?? ""))
    }
    return try container.read(input)
  }

  /// The container that a name of `--to` stands for, if it can be written.
  package func output(named name: String) -> (any ContainerOutput.Type)? {
    outputs.first { $0.name.rawValue == name }
  }

  /// All containers that can be written.
  package var outputs: [any ContainerOutput.Type] { all.compactMap { $0.output } }

  /// The container that the name of an output asks for.
  /// - Throws: ``UsageError`` if the suffix is not known.
  package func output(forPath path: String) throws(UsageError) -> any ContainerOutput.Type {
    let outputs = outputs
    let name = FileSystem.baseName(of: path)
    if path == OutputJob.standardOutputName,
      let sequential = outputs.first(where: { $0.isSequential })
    {
      return sequential
    }
    if !path.hasSuffix("/"), path != OutputJob.standardOutputName {
      for output in outputs {
        if let suffix = output.suffix, name.lowercased().hasSuffix(suffix) { return output }
      }
    }
    if let folder = outputs.first(where: { $0.isFolder }), Self.isFolderName(path) {
      return folder
    }
    let suffixes = outputs.compactMap { $0.suffix }.joined(separator: ", ")
    let suffix = name.lastIndex(of: ".").map { name[$0...].dropFirst() } ?? ""
    throw UsageError(
      "cannot tell the format of the output from the suffix '.\(suffix)'",
      hint: "use \(suffixes), a folder, or \(setting: "to")")
  }

  /// Whether a name stands for a folder: "llama-3.1-8B" does, "model.safetensor" is a mistake.
  private static func isFolderName(_ path: String) -> Bool {
    let name = FileSystem.baseName(of: path)
    guard !path.hasSuffix("/"), let dot = name.lastIndex(of: "."), dot != name.startIndex else {
      return true
    }
    let suffix = name[dot...].dropFirst()
    return suffix.isEmpty || !suffix.allSatisfy { $0.isASCII && $0.isLetter }
  }
}

extension FormatError.Code {
  package static let unknownContainer = FormatError.Code(
    "container.unknown",
    meaning: "The content and the name of an input match no format that this version reads.",
    remedy: "Check the path, and unpack archives first; explain formats lists what is read.")
}

extension InputTree {
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
    if prefix.isEmpty { return isFolder ? nil : "is empty" }
    return signatures.first { prefix.starts(with: $0.0) }?.1
  }
}
