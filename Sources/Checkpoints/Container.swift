package import Base

/// The name of a container, as in `--to` and in reports.
///
/// Each container declares its name as a static member.
package struct ContainerName: RawRepresentable, Hashable, Sendable {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
}

/// A file format or folder layout for checkpoints.
package protocol Container: Sendable {
  static var name: ContainerName { get }
  /// A short description for messages that list the readable formats.
  static var summary: String { get }
  /// The format in a few sentences, for `explain`.
  static var explanation: String { get }
  /// The suffix of its files, including the dot; nil for folders.
  static var suffix: String? { get }
  /// Returns the evidence that an input has this format; nil if there is none.
  static func recognition(of input: InputTree) -> ContainerRecognition?
  /// Reads the headers; values are read later from files that stay open.
  static func read(_ input: InputTree) throws -> Checkpoint
  /// The writer of the format; nil if it can only be read.
  static var output: (any ContainerOutput.Type)? { get }
}

/// The evidence that an input has a certain format.
package enum ContainerRecognition: Sendable {
  /// The first bytes of the file, or the fact that it is a folder.
  case content
  /// Only the name.
  case name
}

extension Container {
  package static func recognizes(_ input: InputTree) -> Bool { recognition(of: input) != nil }

  package static var output: (any ContainerOutput.Type)? { nil }

  package static func read(_ path: String) throws -> Checkpoint {
    try read(InputTree(path: path))
  }
}

/// A container that can be written.
package protocol ContainerOutput: Container {
  /// True if an output is a folder.
  static var isFolder: Bool { get }
  /// True if the name of an output can choose the container; false if only a setting does.
  static var isChosenByName: Bool { get }
  /// The suffixes of the names of outputs; none for folders.
  static var outputSuffixes: [String] { get }
  /// True if it can store tensors as terms: quantized, sparse, or of low rank.
  static var holdsTerms: Bool { get }
  /// True if it can be written to a pipe, from the first byte to the last.
  static var isSequential: Bool { get }
  /// True if its writers record the ids of ``LateInputs``.
  static var recordsLateInputs: Bool { get }
  /// Returns the options that affect the output bytes, for the lineage.
  static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option]
  /// Plans an output from headers.
  static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter
}

extension ContainerOutput {
  package static var isSequential: Bool { false }
  package static var isChosenByName: Bool { true }
  package static var outputSuffixes: [String] { [suffix].compactMap(\.self) }
  package static var output: (any ContainerOutput.Type)? { Self.self }
}

/// A list of containers.
///
/// An input is read by the first container that recognizes its content; if there is none, by the first that
/// recognizes its name.
package struct ContainerRegistry: Sendable {
  package let all: [any Container.Type]

  package init(_ all: [any Container.Type]) { self.all = all }

  /// Reads the headers of a file or folder.
  /// - Throws: ``FormatError`` if no container recognizes it; otherwise the errors of its container.
  ///
  /// - Parameters:
  ///   - name: The name of the input in messages, if it is not its path.
  ///   - limit: The limit on memory for the catalog.
  ///   - choice: The choice among several weights.
  package func read(
    _ path: String, name: String? = nil, limit: CatalogLimit = .none,
    choice: WeightsChoice = WeightsChoice()
  ) throws -> Checkpoint {
    try read(InputTree(path: path, name: name, limit: limit, choice: choice))
  }

  /// Reads the headers of an input.
  package func read(_ input: InputTree) throws -> Checkpoint {
    try container(of: input).read(input)
  }

  /// Throws ``FormatError`` unless a container recognizes the first bytes of a stream.
  package func check(prefix: [UInt8], ofStream name: String) throws {
    _ = try container(of: InputTree(stream: name, prefix: prefix))
  }

  /// Returns the name of the format of an input; nil if no container recognizes it.
  package func format(of input: InputTree) -> ContainerName? { recognized(input)?.name }

  private func recognized(_ input: InputTree) -> (any Container.Type)? {
    all.first { $0.recognition(of: input) == .content } ?? all.first { $0.recognizes(input) }
  }

  private func container(of input: InputTree) throws -> any Container.Type {
    if let container = recognized(input) { return container }
    if let fault = try input.downloadFault, fault.isCertain {
      throw fault.error(path: input.path)
    }
    let readable = all.map { $0.summary }
    throw FormatError(
      .unknownContainer, input.guess ?? "is not in a format that this version reads",
      path: input.path,
      hint: "readable formats: \(readable.dropLast().joined(separator: ", ")) and "
        + (readable.last ?? ""))
  }

  /// Returns the container for a name of `--to`; nil if there is none that can be written.
  package func output(named name: String) -> (any ContainerOutput.Type)? {
    outputs.first { $0.name.rawValue == name }
  }

  /// All containers that can be written.
  package var outputs: [any ContainerOutput.Type] { all.compactMap { $0.output } }

  /// Returns the container for the name of an output.
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
        if output.outputSuffixes.contains(where: name.lowercased().hasSuffix) { return output }
      }
    }
    if let folder = outputs.first(where: { $0.isFolder && $0.isChosenByName }),
      Self.isFolderName(path)
    {
      return folder
    }
    let suffixes = outputs.compactMap { $0.suffix }.joined(separator: ", ")
    let suffix = name.lastIndex(of: ".").map { name[$0...].dropFirst() } ?? ""
    throw UsageError(
      "cannot determine the output format from the suffix '.\(suffix)'",
      hint: "use \(suffixes), a folder, or \(setting: "to")")
  }

  /// True if a name stands for a folder: "llama-3.1-8B" does, "model.safetensor" is taken for a mistake.
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
  /// The trace of a failed download in the file of the input; nil for a folder.
  fileprivate var downloadFault: DownloadFault? {
    get throws { isFolder || isStream ? nil : try DownloadFault(in: openNamedFile()) }
  }

  /// A description of a file in a known but unsupported format; nil if its first bytes are not known.
  fileprivate var guess: String? {
    let signatures: [([UInt8], String)] = [
      (Array("GGUF".utf8), "is a GGUF file, which this version does not read"),
      ([0x50, 0x4B, 3, 4], "is a zip archive without a model"),
      ([0x89] + Array("HDF\r\n".utf8), "is an HDF5 file, which this version does not read"),
    ]
    if prefix.isEmpty { return isFolder ? nil : "is empty" }
    return signatures.first { prefix.starts(with: $0.0) }?.1
  }
}
