import Base

/// A file beside the weights that is not part of a checkpoint.
package struct SkippedFile: Sendable {
  /// The reason why a file is left out.
  package enum Reason: String, Sendable, Equatable {
    /// Loaders would take it for the weights of an output.
    case otherWeights = "other-weights"
    /// It repeats the weights in another format or place.
    case copyOfWeights = "copy-of-weights"
    /// It is larger than other files beside weights are.
    case large
    /// It is a link to a folder, a device or a pipe, or a folder that is too deep.
    case notAFile = "not-a-file"
    /// It is a link to a file that does not exist.
    case brokenLink = "broken-link"
    /// It is a link to a file outside of the folder.
    case outsideLink = "outside-link"

    /// A short phrase for lists.
    package var summary: String {
      switch self {
      case .otherWeights: "other weights"
      case .copyOfWeights: "an exported model or a copy of the weights"
      case .large: "a large file"
      case .notAFile: "not a file"
      case .brokenLink: "a broken link"
      case .outsideLink: "a link out of the folder"
      }
    }
  }

  /// The path inside the model folder; ends with `/` for a folder.
  package var path: String
  package var reason: Reason
  /// The file as a companion, if an output can contain it.
  package var companion: LazyTensor?

  package init(_ path: String, _ reason: Reason, companion: LazyTensor? = nil) {
    self.path = path
    self.reason = reason
    self.companion = companion
  }

  /// True if the file may contain weights.
  package var mayContainWeights: Bool {
    switch reason {
    case .otherWeights, .copyOfWeights, .large: true
    case .notAFile, .brokenLink, .outsideLink: false
    }
  }
}

/// The files beside the weights that an output contains.
package enum CompanionChoice: String, CaseIterable, Codable, Sendable {
  /// All files that loaders do not take for weights.
  case all
  /// The files that belong to the model: not large ones, and no copies of the weights.
  case small
  /// No files.
  case none

  /// Returns the checkpoint with the chosen files. Applying a choice again changes nothing.
  package func applied(to checkpoint: Checkpoint) -> Checkpoint {
    var result = checkpoint
    switch self {
    case .small: break
    case .none: result.removeCompanions()
    case .all:
      result.companions += checkpoint.skipped.compactMap(\.companion)
      result.companions.sort { $0.name.precedesAsBytes($1.name) }
      result.skipped.removeAll { $0.companion != nil }
    }
    return result
  }
}

extension Checkpoint {
  /// Removes all files beside the weights, also those that could be added.
  package mutating func removeCompanions() {
    companions = []
    skipped = []
  }
}
