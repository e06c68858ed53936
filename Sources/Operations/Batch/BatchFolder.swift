import Base
import Checkpoints
import SystemPackage

/// The output folder of a batch.
struct BatchFolder {
  let path: String
  /// True if the folder did not exist.
  let isNew: Bool

  /// Creates the folder if it does not exist; its parent must exist.
  init(_ path: String) throws {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard path != OutputJob.standardOutputName else {
      throw UsageError(
        "a batch does not write to standard output", hint: "name a folder with -o")
    }
    self.path = path
    switch try FileSystem.targetType(path) {
    case .directory?: isNew = false
    case nil:
      try FileSystem.createDirectory(path)
      isNew = true
    default:
      throw OutputExistsError(path: path, reason: "is a file, expected a folder for the outputs")
    }
  }

  /// Removes an empty journal, and the folder if it was created here and is empty.
  func removeUnused() {
    let journal = path + "/" + BatchJournal.name
    if (try? FileSystem.targetIfPresent(journal))??.size == 0 {
      try? FileSystem.removeFile(journal)
    }
    if isNew { try? FileSystem.removeEmptyDirectory(path) }
  }

  /// Returns the errors of names and places, which concern the batch as a whole.
  func errors(_ jobs: [BatchJob]) throws -> [any UserError] {
    var errors: [any UserError] = []
    let own = try FileSystem.resolved(path)
    for job in jobs where try FileSystem.targetIfPresent(job.input) != nil {
      let input = try FileSystem.resolved(job.input)
      if input == own || input.hasPrefix(Self.inside(own)) {
        errors.append(
          UsageError(
            "\(job.input.printable): the input is inside the output folder \(path.printable)",
            hint: "choose another folder with -o"))
      } else if own.hasPrefix(Self.inside(input)) {
        errors.append(
          UsageError(
            "\(path.printable): the output folder is inside the input \(job.input.printable)",
            hint: "choose another folder with -o"))
      }
    }
    return errors + collisions(jobs) + names(jobs)
  }

  private static func inside(_ folder: String) -> String { folder == "/" ? folder : folder + "/" }

  private func collisions(_ jobs: [BatchJob]) -> [any UserError] {
    let groups = Dictionary(grouping: jobs) { UTF8Key($0.name) }
    return groups.values.filter { $0.count > 1 }.sorted { $0[0].name < $1[0].name }.map { group in
      let inputs = group.prefix(3).map(\.input.printable).joined(separator: ", ")
      let others = group.count > 3 ? " and \(group.count - 3) more" : ""
      return UsageError(
        "\(group.count) inputs have the output name \(group[0].name.printable): \(inputs)\(others)",
        hint: "tell them apart with \(setting: "name"), such as '{parent}-{stem}.sumac'")
    }
  }

  private func names(_ jobs: [BatchJob]) -> [any UserError] {
    jobs.compactMap { job in
      guard ["", ".", ".."].contains(job.name) || job.name.hasPrefix(BatchJournal.name) else {
        return nil
      }
      return UsageError("'\(job.name.printable)' cannot be the name of an output")
    }
  }
}
