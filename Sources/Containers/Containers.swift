package import Checkpoints
import ModelDirectories
import Packing
import Safetensors

/// The containers that the program reads and writes.
package enum Containers {
  /// All containers, one line each.
  package static let registry = ContainerRegistry([
    SafetensorsContainer.self,
    PackedContainer.self,
    ModelDirectoryContainer.self,
  ])

  /// Reads the headers of a file or folder.
  /// - Throws: ``FormatError`` if no container recognizes it; otherwise the errors of its container.
  package static func read(_ path: String) throws -> Checkpoint { try registry.read(path) }

  package static func read(_ input: InputTree) throws -> Checkpoint { try registry.read(input) }

  /// Returns the container for the name of an output.
  package static func output(forPath path: String) throws -> any ContainerOutput.Type {
    try registry.output(forPath: path)
  }
}
