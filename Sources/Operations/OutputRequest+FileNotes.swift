import Base
import Checkpoints

extension Checkpoint {
  /// Notes that list the files beside the weights that an output does not contain.
  var notesOnSkippedFiles: [Message] {
    func names(_ reasons: Set<SkippedFile.Reason>) -> String? {
      let paths = skipped.filter { reasons.contains($0.reason) }.map(\.path.printable)
      return paths.isEmpty ? nil : paths.joined(separator: ", ")
    }
    var notes: [Message] = []
    if let names = names([.otherWeights, .notAFile]) { notes.append("not copied: \(names)") }
    if let names = names([.copyOfWeights]) {
      notes.append(
        "not copied: \(names) (exported models and copies of the weights; "
          + "\(setting: "companions", "all") copies them)")
    }
    if let names = names([.large]) {
      notes.append(
        "not copied: \(names) (large files; \(setting: "companions", "all") copies them)")
    }
    if let names = names([.brokenLink]) {
      notes.append("not copied: \(names) (links to files that do not exist; download them again)")
    }
    if let names = names([.outsideLink]) {
      notes.append("not copied: \(names) (links to files outside of the folder)")
    }
    return notes
  }
}

extension OutputRequest {
  /// A note on files beside the weights that contain weights of their own, to which no option applies; nil if there are
  /// none, or if the output is an unchanged copy.
  func noteOnUnchangedFiles(in settings: OutputSettings) -> Message? {
    guard !options.isEmpty, writer == nil, let container = try? settings.container,
      container.isFolder || container.holdsTerms
    else { return nil }
    let names = output.companions.map(\.name).filter(WeightFileNames.mayContainTensors)
    guard !names.isEmpty else { return nil }
    return
      "copied unchanged, with any weights in them: "
      + names.map(\.printable).joined(separator: ", ")
  }
}
