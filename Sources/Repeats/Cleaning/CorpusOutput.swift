import Archives
package import Base
package import Checkpoints
import Containers
import TensorCore
import TokenData

/// The file or folder for documents, one file for each input.
package struct CorpusOutput {
  package let path: String
  package let isFolder: Bool
  /// The name of the file of each input in the folder; that of the output for a single file.
  private let names: [String]
  private let inputs: [FileIdentity]
  private let replacesExisting: Bool

  /// Returns true if the documents of these inputs are written to a folder: unless there is a single file.
  package static func isFolder(inputs: [String]) throws -> Bool {
    guard inputs.count == 1, let path = try inputs.first.map({ try TensorPath($0).path }) else {
      return true
    }
    guard path != DataReader.standardInputPath else { return false }
    guard try FileSystem.isRegularFile(path) else { return true }
    let input = try InputTree(path: path)
    // A single compressed file may look like a compressed archive.
    return try Archives.isLikely(input) && Archives.tree(of: input) != nil
  }

  /// Plans an output, and checks what can be checked before the work.
  /// - Throws: ``UsageError`` and ``OutputExistsError``, all that are found.
  package init(
    _ corpus: Corpus, to path: String, inputs: [String], replacesExisting: Bool,
    removesRanges: Bool
  ) throws {
    self.path = path
    self.replacesExisting = replacesExisting
    isFolder = try Self.isFolder(inputs: inputs)
    self.inputs = corpus.sources.flatMap(\.origin.identities)
    names = isFolder ? try Self.names(corpus.sources, inputs: inputs) : [path]
    var errors: [any UserError] = []
    for (source, name) in zip(corpus.sources, names) {
      if let error = try Self.fault(source, name, removesRanges: removesRanges) {
        errors.append(error)
      }
    }
    do { try atomic(nil).check(isDirectory: isFolder) } catch {
      errors.append(try asUserError(error))
    }
    try SeveralErrors.throwIfAny(errors)
  }

  private func atomic(_ group: OutputGroup?) -> AtomicOutput {
    var output = AtomicOutput(path: path, replacesExisting: replacesExisting, inputs: inputs)
    output.group = group
    return output
  }

  /// Returns names like those of the inputs: their paths in the folder or archive they are in.
  private static func names(_ sources: [Corpus.Source], inputs: [String]) throws -> [String] {
    let roots = TensorPath.files(of: inputs)
    let names = sources.map { source in
      var name = FileSystem.baseName(of: source.path)
      if let root = roots.first(where: { source.path.hasPrefix($0 + "/") }) {
        let inner = String(source.path.dropFirst(root.count + 1)).drop { $0 == "/" }
        name = roots.count == 1 ? String(inner) : FileSystem.baseName(of: root) + "/" + inner
      }
      for suffix in CompressedFile.suffixes
      where suffix != DocumentFile.compressedSuffix && name.hasSuffix(suffix) {
        name = String(name.dropLast(suffix.count))
      }
      return name
    }
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      throw UsageError(
        "two inputs would be written to \(name.printable)",
        hint: "give the folder that they are in, or rename one of them")
    }
    return names
  }

  /// Returns the reason for which the documents of an input cannot be written in its form.
  private static func fault(
    _ source: Corpus.Source, _ name: String, removesRanges: Bool
  ) throws -> UsageError? {
    let suffix = name.split(separator: ".").last.map(String.init) ?? ""
    let form = DataName(name)
    switch source.origin.form {
    case .objects, .lines, .text:
      let isLines = if case .objects = source.origin.form { true } else { false }
      guard isLines ? form == .lines : form == .text || form == .other else {
        return UsageError(
          "\(name.printable): the documents of \(source.path.printable) are written as "
            + (isLines ? "JSON lines" : "a text"),
          hint: isLines
            ? "use a name that ends with .jsonl or .ndjson" : "use a name that ends with .txt")
      }
      guard [".gz", ".bz2"].contains(where: name.hasSuffix) else { return nil }
      return UsageError(
        "\(name.printable): texts are written uncompressed, or compressed with zstd",
        hint: "use a name without .\(suffix), or one that ends with .zst")
    case .ids(let element):
      let isCompressed = CompressedFile.suffixes.contains(where: name.hasSuffix)
      // A file with another suffix is read as ids with the option that it was read with.
      guard isCompressed || form != .ids(element) && form != .other else { return nil }
      return UsageError(
        "\(name.printable): the ids of \(source.path.printable) are written as .\(element.rawValue)",
        hint: "use a name that ends with .\(element.rawValue)")
    case .tensor(let tensor, let checkpoint):
      guard try !Containers.output(forPath: name).isFolder else {
        return UsageError("\(name.printable) is the name of a folder, expected that of a file")
      }
      let others = checkpoint.tensors.filter { $0.name != tensor.name }.map(\.name.printable)
      guard others.isEmpty else {
        return UsageError(
          "\(source.path.printable) has other tensors, which would not fit the rows that are left: "
            + others.prefix(5).joined(separator: ", "),
          hint: "write the tokens to a file of their own first")
      }
      guard !removesRanges || tensor.info.shape.dimensions.count == 1 else {
        return UsageError(
          "rows of \(source.path.printable) have one length, so that ranges of them cannot be removed",
          hint:
            "store the tokens in one dimension, or remove whole rows with \(setting: "by", "near")")
      }
      return nil
    }
  }

  /// The resources for writing.
  package struct Resources {
    package var jobs: Int
    package var memory: MemoryBudget
    package var cancellation: Cancellation
    package var progress: any Progress

    package init(
      jobs: Int, memory: MemoryBudget, cancellation: Cancellation, progress: any Progress
    ) {
      (self.jobs, self.memory) = (jobs, memory)
      (self.cancellation, self.progress) = (cancellation, progress)
    }
  }

  /// Writes the documents that are left, and adds their numbers to the tally.
  /// - Returns: The number of files.
  /// - Throws: ``ChangedInputError`` if a line differs from what was read before; ``FileError``.
  package func write(
    _ result: inout Deduplication, _ resources: Resources, group: OutputGroup
  ) throws -> Int {
    var writer = CorpusWriter(
      result, memory: resources.memory, cancellation: resources.cancellation)
    let sources = result.original.sources
    if isFolder {
      try atomic(group).writeDirectory { folder in
        for (source, name) in zip(sources, names) where writer.hasDocuments(source) {
          try writer.write(source, to: File(place: .inside(folder, name), resources: resources))
        }
      }
    } else {
      let file = File(place: .alone(atomic(group)), resources: resources)
      for source in sources { try writer.write(source, to: file) }
    }
    result.tally.kept = writer.written
    try result.tally.check()
    return writer.fileCount
  }
}

extension CorpusOutput {
  /// The file for the documents of one input.
  struct File {
    enum Place {
      case alone(AtomicOutput)
      case inside(StagedDirectory, String)
    }

    fileprivate let place: Place
    fileprivate let resources: Resources

    func write(_ body: (DocumentFile) throws -> Void) throws {
      func write(_ file: OutputFile, _ name: String) throws {
        let documents = DocumentFile(file, name: name)
        try body(documents)
        try documents.finish()
      }
      switch place {
      case .alone(let output): try output.writeFile { try write($0, output.path) }
      case .inside(let folder, let name): try folder.writeFile(name) { try write($0, name) }
      }
    }

    /// Writes a tensor in place of one of a checkpoint.
    func write(
      _ source: any TensorSource, _ name: String, _ dtype: DType, _ shape: Shape,
      in checkpoint: Checkpoint
    ) throws {
      let info = try TensorInfo(name: name, dtype: dtype, shape: shape)
      var checkpoint = checkpoint
      checkpoint.tensors = [
        LazyTensor(
          info: info, source: source,
          stored: StoredForm(
            file: checkpoint.path, byteOffset: 0, byteCount: info.byteCount, dtype: dtype))
      ]
      let (path, output): (String, AtomicOutput?) =
        switch place {
        case .alone(let output): (output.path, output)
        case .inside(let folder, let name): (folder.path + "/" + name, nil)
        }
      if case .inside(let folder, let name) = place {
        try StagedDirectory.createFolders(of: name, in: folder.path)
      }
      let job = try OutputJob(
        checkpoint, to: path, container: Containers.output(forPath: path), options: WriterOptions(),
        replacesExisting: output?.replacesExisting ?? false, isInside: output == nil)
      try job.run(
        jobs: resources.jobs, memory: resources.memory, cancellation: resources.cancellation,
        progress: resources.progress, group: output?.group)
    }
  }
}
