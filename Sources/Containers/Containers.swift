package import Base
package import Checkpoints
import ModelDirectories
import NumPy
import ONNX
import Packing
import PyTorch
import Safetensors

/// The containers that the program reads and writes.
package enum Containers {
  /// All containers, one line each.
  package static let registry = ContainerRegistry([
    SafetensorsContainer.self,
    PackedContainer.self,
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

  /// Returns the container for the name of an output.
  package static func output(forPath path: String) throws -> any ContainerOutput.Type {
    try registry.output(forPath: path)
  }
}
