import Base
import Checkpoints
import TensorCore

/// The files of a model folder other than the weights, such as config.json, the tokenizer or a licence.
struct Companions {
  private static let maximumDepth = 8

  private(set) var tensors: [LazyTensor] = []
  private(set) var identities: [FileIdentity] = []
  private(set) var skipped: [SkippedFile] = []
  /// Notes on files that a failed download left.
  private(set) var notes: [Message] = []
  /// The paths of the files that contain the weights, and of their indexes.
  private let weights: Set<String>
  /// The paths of the subfolders with weights of their own.
  private let components: [String]
  private let rule: SideFileRule
  private let formats: WeightsFormats

  init(
    of input: InputTree, beside components: [FolderComponent], _ formats: WeightsFormats
  ) throws {
    self.formats = formats
    weights = Set(components.flatMap(\.weightsPaths))
    self.components = components.map(\.path).filter { !$0.isEmpty }
    rule = SideFileRule(components.flatMap { $0.shards.files.flatMap(\.tensors) }.map(\.info))
    try collect(input, folder: "", depth: 0)
  }

  /// True if a file of this path may be written beside weights: it is not hidden, and loaders do not take it
  /// for weights or for their index.
  /// - Parameter components: The paths of the subfolders with weights of their own.
  static func isCarried(_ path: String, components: [String]) -> Bool {
    let isHidden = RelativePath.components(of: path).contains {
      $0.utf8.first == UInt8(ascii: ".")
    }
    return RelativePath.isSafe(path) && !isHidden
      && !isTakenForWeights(path, components: components)
  }

  /// Returns true if loaders would take a file for the weights of the folder or of one of its components.
  private static func isTakenForWeights(_ path: String, components: [String]) -> Bool {
    WeightFileNames.isTakenForWeights(path)
      || components.contains { component in
        path.hasPrefix(component + "/")
          && WeightFileNames.isTakenForWeights(String(path.dropFirst(component.count + 1)))
      }
  }

  private mutating func collect(_ input: InputTree, folder: String, depth: Int) throws {
    for entry in try input.entries(in: folder) {
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      // Skip version control, caches and unfinished downloads.
      if entry.name.hasPrefix(".") || entry.name.contains(".partial-") { continue }
      if weights.contains(path) { continue }
      switch entry.kind {
      case .folder where depth < Self.maximumDepth:
        try collect(input, folder: path, depth: depth + 1)
      // A link to a folder may form a cycle or lead out of the folder.
      case .folder, .linkedFolder: skipped.append(SkippedFile(path + "/", .notAFile))
      case .linkedFile: skipped.append(SkippedFile(path, .outsideLink))
      case .other: skipped.append(SkippedFile(path, .notAFile))
      case .file where Self.isTakenForWeights(path, components: components):
        skipped.append(SkippedFile(path, .otherWeights))
      case .brokenLink:
        skipped.append(SkippedFile(path, .brokenLink))
      case .file: try add(input.open(path), as: path)
      }
    }
  }

  private mutating func add(_ file: InputFile, as name: String) throws {
    let info = try TensorInfo(name: name, dtype: .u8, shape: Shape([file.byteCount]))
    let companion = LazyTensor(
      info: info, source: FileTensorSource(file: file, info: info, byteOffset: 0),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: file.byteCount, dtype: .u8))
    if case .lfsPointer? = try DownloadFault(in: file) {
      notes.append(
        "\(file.path.printable): is a Git LFS pointer in place of the file; run 'git lfs pull'")
    }
    // An index of other weights would name files that no output has.
    if !name.contains("/"), name.lowercased().hasSuffix(".json"),
      try formats.format(ofIndex: file, name: name) != nil
    {
      skipped.append(SkippedFile(name, .otherWeights))
    } else if let reason = try rule.reasonToSkip(file, path: name) {
      skipped.append(SkippedFile(name, reason, companion: companion))
    } else {
      tensors.append(companion)
    }
    identities.append(file.identity)
  }
}
