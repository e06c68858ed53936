package import Base
package import Checkpoints
import ModelDirectories
import NumPy
import ONNX
import PackedFolders
import Packing
import PyTorch
import Safetensors

/// The containers that the program reads and writes.
package enum Containers {
  /// All containers, one line each.
  package static let registry = ContainerRegistry([
    SafetensorsContainer.self,
    PackedContainer.self,
    // Every other folder is taken for a model folder of other programs.
    PackedFolderContainer.self,
    ModelDirectoryContainer.self,
    PyTorchContainer.self,
    NPYContainer.self,
    NPZContainer.self,
    ONNXContainer.self,
    // Files of PyTorch and NumPy are ZIP archives too.
    ArchiveContainer.self,
  ])

  /// Reads the headers of a file or folder.
  /// - Throws: ``FormatError`` if no container recognizes it; otherwise the errors of its container.
  ///
  /// - Parameters:
  ///   - name: The name of the input in messages, if it is not its path.
  ///   - limit: The limit on memory for the catalog.
  ///   - choice: The choice among several weights.
  package static func read(
    _ path: String, name: String? = nil, limit: CatalogLimit = .none,
    choice: WeightsChoice = WeightsChoice()
  ) throws -> Checkpoint {
    try registry.read(path, name: name, limit: limit, choice: choice)
  }

  package static func read(_ input: InputTree) throws -> Checkpoint { try registry.read(input) }

  /// Returns true if a folder has weights of its own, or is a list of components with weights.
  package static func hasWeights(_ folder: InputTree) throws -> Bool {
    try ModelDirectoryContainer.hasWeights(folder)
      || PackedFolderContainer.recognition(of: folder) != nil
  }

  /// Reads the headers of a model folder, or of an archive of one.
  static func readFolder(_ folder: InputTree) throws -> Checkpoint {
    try PackedFolderContainer.recognition(of: folder) == nil
      ? ModelDirectoryContainer.read(folder) : PackedFolderContainer.read(folder)
  }

  /// Returns the container of an output.
  /// - Parameters:
  ///   - format: The name of the format; nil to choose it by the name of the output.
  ///   - isSharded: True if the weights are to be divided into files.
  /// - Throws: ``UsageError`` if the suffix is not known.
  package static func output(
    forPath path: String, format: String?, isSharded: Bool
  ) throws -> any ContainerOutput.Type {
    guard let format, let container = registry.output(named: format) else {
      return try output(forPath: path)
    }
    guard container == PackedContainer.self else { return container }
    let isFile = path == OutputJob.standardOutputName || path.hasSuffix(PackedWeights.suffix)
    return path.hasSuffix("/") || (isSharded && !isFile) ? PackedFolderContainer.self : container
  }

  /// Returns the container for the name of an output.
  package static func output(forPath path: String) throws -> any ContainerOutput.Type {
    try registry.output(forPath: path)
  }
}
