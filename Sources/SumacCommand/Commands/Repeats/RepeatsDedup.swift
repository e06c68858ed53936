import ArgumentParser
import Operations
import Repeats

struct RepeatsDedup: Verb {
  static let configuration = CommandConfiguration(
    commandName: "dedup",
    abstract: "Remove repeated documents, near-duplicates, paragraphs or ranges.",
    discussion: """
      Writes DATA without repeats, in the form it has: lines of JSON keep all other members byte for byte, \
      texts are texts, and tokens keep their type. The first of equal documents, the first of a cluster of \
      near-duplicates, and the first of equal paragraphs and ranges stay. A single file is written to a file, \
      anything else to a folder with the names of the inputs. Names that end with .zst are compressed. \
      --removed lists each part that was removed, and the one that stays in its place.

      --by takes one or more of: documents (equal bytes), words (also equal words, whatever their case, \
      punctuation and spaces), near (also a similarity of --threshold or more), paragraphs, ranges.

      Examples:
        sumac repeats dedup corpus.jsonl --by near -o clean.jsonl --removed removed.jsonl
        sumac repeats dedup parts/ --by documents,paragraphs -o clean/
        sumac repeats dedup tokens.npy --by ranges --length 50 -o clean.npy
        sumac repeats dedup corpus.jsonl --by near,ranges -o clean.jsonl --dry-run
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: DataOutputFlags
  @OptionGroup(title: "Data") var flags: DataFlags

  @Option(
    help: ArgumentHelp(
      "Repeats to remove: documents, words, near, paragraphs, ranges, separated by commas.",
      valueName: "kinds"))
  var by = Levels(levels: [.documents])

  @Option(
    help: ArgumentHelp("Write a line of JSON for each removed part.", valueName: "file"),
    completion: .file())
  var removed: String?

  @Option(
    help: ArgumentHelp(
      "near: least similarity, 0.4 to 1. (default: 0.7)", valueName: "x"))
  var threshold: Double?

  @Option(help: ArgumentHelp("near: words in a shingle. (default: 3)", valueName: "n"))
  var shingle: Int?

  @Option(help: ArgumentHelp("near: seed of the signatures. (default: 0)", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Length of repeated ranges. (default: 100 bytes or 50 tokens)", valueName: "n"))
  var length: Int?

  @Argument(help: "Texts, JSON lines, token ids, folders or archives.", completion: .file())
  var data: [String]

  /// Kinds of repeats, separated by commas.
  struct Levels: ExpressibleByArgument {
    var levels: [DedupSettings.Level]

    init(levels: [DedupSettings.Level]) { self.levels = levels }

    init?(argument: String) {
      let names = argument.split(separator: ",", omittingEmptySubsequences: false)
      let levels = names.compactMap { DedupSettings.Level(rawValue: String($0)) }
      guard levels.count == names.count else { return nil }
      self.levels = levels
    }

    var defaultValueDescription: String {
      DedupSettings.Level.allCases.filter(levels.contains).map(\.rawValue).joined(separator: ",")
    }

    static var allValueStrings: [String] { DedupSettings.Level.allCases.map(\.rawValue) }
  }

  func run(_ invocation: Invocation) throws {
    try invocation.run(writer) {
      var operation = RepeatsDedupOperation(
        data: flags.settings(data), output: writer.dryRun ? nil : writer.output)
      operation.settings.levels = by.levels
      operation.settings.threshold = threshold
      operation.settings.shingle = shingle
      operation.settings.seed = seed
      operation.settings.rangeLength = length
      operation.list = removed
      operation.replacesExisting = writer.force
      return operation
    }
  }
}
