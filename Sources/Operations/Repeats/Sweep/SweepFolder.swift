import Base
import Checkpoints
import Reporting
import SystemPackage
import Training

/// The folder of a sweep: a run folder for each training, and the tables of all of them.
struct SweepFolder {
  let path: String

  private static let csv = "sweep.csv"
  private static let json = "sweep.json"
  private static let svg = "sweep.svg"
  private static let tables = [csv, json, svg]

  /// Throws unless the folder is absent, or has only what sweeps write, and trainings of the same settings. Changes
  /// nothing.
  func check(_ sweep: Sweep) throws {
    let parent = FileSystem.parent(of: path)
    guard FileSystem.isDirectory(parent) else {
      throw FileError("write to folder", parent, .noSuchFileOrDirectory)
    }
    switch try FileSystem.targetType(path) {
    case nil: return
    case .directory?: break
    default:
      throw OutputExistsError(path: path, reason: "is a file, expected a folder for the sweep")
    }
    let members = Set(sweep.recipe.members.map(\.name))
    let names = try FileSystem.names(in: path)
    // Tables are those of a sweep only beside one of its trainings.
    let hasMember = try names.contains { try isMember($0, members) }
    for name in names {
      guard try !isMember(name, members), !PartialName.isPartial(name),
        !(hasMember && Self.tables.contains(name))
      else { continue }
      throw OutputExistsError(
        path: path, reason: "has '\(name.printable)', expected an empty folder or that of a sweep")
    }
    for member in sweep.recipe.members {
      try RunFolder.check(path + "/" + member.name, command: sweep.command(of: member))
    }
  }

  /// True for the folder of a member of the recipe, or of one that the recipe no longer has.
  private func isMember(_ name: String, _ members: Set<String>) throws -> Bool {
    try members.contains(name)
      || FileSystem.targetType(path + "/" + name + "/" + RunFolder.commandName) == .regular
  }

  /// Creates the folder if it does not exist. Several processes may do so at once.
  func create() throws {
    guard try FileSystem.targetType(path) == nil else { return }
    do throws(FileError) { try FileSystem.createDirectory(path) } catch {
      guard error.errno == .fileExists else { throw error }
    }
  }

  /// Writes the tables and the plot.
  func write(_ report: SweepReport) throws {
    for (name, format) in [(Self.csv, ReportFormat.csv), (Self.json, .json)] {
      try ReportFile.write(to: path + "/" + name, replacesExisting: true) {
        try report.write(as: format, width: nil, to: $0)
      }
    }
    try ReportFile.write(report.plot, to: path + "/" + Self.svg, replacesExisting: true)
  }

  /// True if the tables are there.
  var hasTables: Bool {
    get throws {
      try Self.tables.allSatisfy { try FileSystem.targetType(path + "/" + $0) == .regular }
    }
  }
}
