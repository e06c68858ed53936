package import Checkpoints
import ModelDirectories
import Packing
import Safetensors

/// The containers that the program reads and writes.
package enum Containers {
  /// One line for each container.
  package static let registry = ContainerRegistry([
    SafetensorsContainer.self,
    PackedContainer.self,
    ModelDirectoryContainer.self,
  ])

  /// Reads headers of a file or folder.
  /// - Throws: ``FormatError`` if no container recognizes it, and what its container finds wrong.
  package static func read(_ path: String) throws -> Checkpoint { try registry.read(path) }

  /// The container that the name of an output asks for.
  package static func output(forPath path: String) throws -> any ContainerOutput.Type {
    try registry.output(forPath: path)
  }
}
