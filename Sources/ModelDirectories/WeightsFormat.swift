import Base
import Checkpoints
import Safetensors

/// A format of the weights files in a model folder, in the order in which they are preferred.
enum WeightsFormat: CaseIterable {
  case safetensors

  /// The suffixes of its files.
  var suffixes: [String] {
    switch self {
    case .safetensors: [".safetensors"]
    }
  }

  /// The name of weights in a single file.
  var singleFile: String {
    switch self {
    case .safetensors: "model.safetensors"
    }
  }

  /// The name of the index of several files.
  var singleIndex: String { singleFile + ".index.json" }

  /// Returns true if a file has the suffix of the format.
  func hasSuffix(_ name: String) -> Bool { suffixes.contains(where: name.hasSuffix) }

  /// Returns true if a file at the top of a folder may contain its weights in this format.
  func isWeightsFile(_ name: String, in input: InputTree) throws -> Bool {
    switch self {
    case .safetensors: hasSuffix(name)
    }
  }

  /// Returns the format of a file name; nil if it is not that of a weights file.
  static func format(of name: String) -> WeightsFormat? {
    allCases.first { $0.hasSuffix(name) }
  }
}

/// An open file with weights of a model folder.
struct WeightsFile: Sendable {
  let file: InputFile
  let tensors: [LazyTensor]
  /// The metadata of the file without the lineage.
  let metadata: [Checkpoint.Metadatum]
  let lineage: Lineage
  let identity: InputIdentity
  let headerByteCount: Int
  let notes: [Message]

  /// Opens a file and reads its header.
  /// - Throws: The errors of the format; ``UsageError`` if the catalog does not fit into the limit.
  init(_ file: InputFile, _ format: WeightsFormat, in input: InputTree) throws {
    switch format {
    case .safetensors:
      let opened = try SafetensorsFile(file, limit: input.catalogLimit)
      tensors = opened.tensors
      var notes: [Message] = []
      (metadata, lineage) = SafetensorsContainer.split(
        opened.header.metadata ?? [], path: file.path, notes: &notes)
      self.notes = notes
      identity = opened.identity
      headerByteCount = opened.header.byteCount
    }
    self.file = file
  }
}
