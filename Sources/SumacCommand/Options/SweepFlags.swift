import ArgumentParser
import Base
import Checkpoints
import Operations
import Reporting

/// The values of `--sweep`, or none: a word that is a path belongs to the input that follows the option.
enum SweepValue {
  static func isInput(_ word: String) -> Bool {
    let type = try? FileSystem.typeIfPresent(word)
    return word == "-" || word.contains("/") || type != nil
  }

  static func parts(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }
}

/// The shares of a sweep, such as `10%,50%,90%`.
struct SweepShares: ExpressibleByArgument, CustomStringConvertible {
  let description: String

  static let standard = SweepShares(
    description: PruneSweepOperation.standardShares.map {
      "\((100 * $0).fixed(decimals: 0))%"
    }.joined(separator: ","))

  private init(description: String) { self.description = description }

  init?(argument: String) {
    guard !SweepValue.isInput(argument) else { return nil }
    description = argument
  }

  /// - Throws: ``ValidationError`` if a part is not a share.
  var shares: [Double] {
    get throws {
      try SweepValue.parts(description).map { part in
        guard let share = ShareArgument(argument: part)?.share else {
          throw ValidationError(
            "--sweep contains '\(part.printable)', expected shares such as 10%,50%,90%")
        }
        return share
      }
    }
  }
}

/// The storage types of a sweep, such as `int4,int8,dense:int4+lowrank:8`.
struct SweepTypes: ExpressibleByArgument, CustomStringConvertible {
  /// The texts of types or terms; nil for all types.
  let types: [String]?

  static let all = SweepTypes()

  private init() { types = nil }

  init?(argument: String) {
    guard !SweepValue.isInput(argument) else { return nil }
    types = SweepValue.parts(argument)
  }

  var description: String { types?.joined(separator: ",") ?? "all types" }
}

extension WriterFlags {
  /// Throws if options are given that need a model to be written.
  /// - Parameter measuresSizes: True if the sizes of files are measured, which depend on what is stored in them.
  func checkSweep(measuresSizes: Bool) throws {
    var options = [
      ("--dry-run", dryRun), ("--to", to != nil), ("--shard-size", shardSize != nil),
    ]
    if !measuresSizes {
      options += [
        ("--no-lineage", leavesOutLineage), ("--aliases", aliases != .keep),
        ("--companions", companions != .small), ("--compress", compress != nil),
        ("--sealed", sealed), ("--content-ids", contentIds),
      ]
    }
    let given = options.filter(\.1).map(\.0)
    guard given.isEmpty else {
      throw ValidationError(
        "--sweep writes no model: leave out \(given.joined(separator: ", "))")
    }
  }

  /// The file of the plot, page or report of a sweep.
  var sweepOutput: SweepOutput? {
    givenOutput.map { path in
      var output = SweepOutput(path: path)
      output.replacesExisting = force
      return output
    }
  }
}

extension Invocation {
  /// Runs a sweep and prints its report.
  func runSweep(_ writer: WriterFlags, _ operation: () throws -> any Operation) throws {
    try reportingFailure(as: writer.chosenFormat) {
      try writer.checkFormat()
      let result = try operation().run(context)
      try printWritten(result, writer)
      try finish(result)
    }
  }
}
