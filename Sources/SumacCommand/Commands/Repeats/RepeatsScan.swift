import ArgumentParser
import Checkpoints
import Operations
import Repeats
import Reporting

struct RepeatsScan: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "scan",
    abstract: "Find repeated documents, near-duplicates and repeated ranges.",
    discussion: """
      DATA is a text, a JSON lines file or a file of token ids (.u16, .u32, .i32, .i64), compressed with gzip, \
      bzip2 or zstd or not; a tensor of token ids (.npy, or FILE:NAME of any checkpoint that this version \
      reads); or a folder or archive of such files. Reports documents with equal bytes and with equal words, pairs of documents with a \
      similarity of --threshold or more, the ranges of which every --length bytes or tokens occur elsewhere, \
      and the share of tokens that are seen once, twice and so on. With -o NAME.svg, writes a picture of \
      these shares. Positions are those in all documents, joined by line feeds if they are texts.

      Examples:
        sumac repeats scan corpus.jsonl
        sumac repeats scan part-*.jsonl.zst --field content --memory 8GiB
        sumac repeats scan tokens.u16 --length 50 --json -o histogram.json
        sumac repeats scan corpus.jsonl -o shares.svg
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @OptionGroup(title: "Data") var flags: DataFlags

  @Option(
    help: ArgumentHelp(
      "Length of repeated ranges. (default: 100 bytes or 50 tokens)", valueName: "n"))
  var length: Int?

  @Option(help: ArgumentHelp("Words or tokens in a window of the histogram.", valueName: "n"))
  var window = 50

  @Option(help: ArgumentHelp("Least similarity of near-duplicates, 0.4 to 1.", valueName: "x"))
  var threshold = 0.7

  @Option(help: ArgumentHelp("Words in a shingle.", valueName: "n"))
  var shingle = 3

  @Option(help: ArgumentHelp("Seed of the signatures.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Documents in each list of groups, pairs, and ranges of the report.", valueName: "n"))
  var limit = 1000

  @Argument(help: "Texts, JSON lines, token ids, folders or archives.", completion: .file())
  var data: [String]

  var inputPaths: [String] { TensorPath.files(of: data) }
  var drawings: [String] { ["svg"] }

  private var draws: Bool {
    report.output.flatMap(ReportFormat.suffix(of:)) == "svg" && !report.json && report.format == nil
  }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = RepeatsScanOperation(data: flags.settings(data))
    operation.scan.rangeLength = length
    operation.scan.window = window
    operation.scan.threshold = threshold
    operation.scan.shingle = shingle
    operation.scan.seed = seed
    operation.scan.limit = limit
    operation.plot = draws ? report.output : nil
    operation.replacesPlot = report.force
    return operation
  }
}
