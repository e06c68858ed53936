import Base
import Checkpoints

/// A file or folder of a lineage: an input that no recorded step made, or an output of a step.
struct ReplayArtifact: Hashable, Sendable {
  /// The index of the step that made it; nil for an input.
  var step: Int?
  var name: String
  var id: String
}

/// The paths of the files of a replay: the recorded names, in folders of their own where several have the same.
struct ReplayPaths: Sendable {
  private var paths: [ReplayArtifact: String] = [:]
  private var used: Set<String> = []
  private var inputCount = 0

  subscript(artifact: ReplayArtifact) -> String? { paths[artifact] }

  /// Assigns a path to a file that has none yet.
  ///
  /// A name that leaves the working directory, or that an option or another file has, is put into a folder; one that is
  /// no name gets another.
  mutating func add(_ artifact: ReplayArtifact) {
    guard paths[artifact] == nil else { return }
    if artifact.step == nil { inputCount += 1 }
    let label = artifact.step.map { "step-\($0 + 1)" } ?? "input-\(inputCount)"
    let isName =
      !artifact.name.isEmpty && artifact.name != "." && artifact.name != ".."
      && !artifact.name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    let name = isName ? artifact.name : "unnamed"
    let plain = name.hasPrefix("-") ? "./" + name : name
    let path = isName && !used.contains(plain) ? plain : "\(label)/\(name)"
    used.insert(path)
    paths[artifact] = path
  }
}
