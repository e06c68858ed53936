import Base
import Checkpoints

/// The folder of an output, and its name in it. Outputs with equal places replace each other.
struct OutputPlace: Hashable {
  private let folder: FileIdentity
  private let name: UTF8Key

  /// Returns nil if the folder does not exist.
  init?(_ path: String) throws {
    guard let folder = try FileIdentity.ifPresent(FileSystem.parent(of: path)) else { return nil }
    self.folder = folder
    name = UTF8Key(FileSystem.baseName(of: path))
  }
}
