import ArgumentParser
import Operations
import ScalingLaws

struct RepeatsFit: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Fit scaling laws to losses, and find effective sizes and humps.",
    discussion: """
      TABLE is CSV with a line of names, or JSON. With columns parameters and loss, fits a power law; \
      with tokens too, the law of Chinchilla. With a column repeats, rows with more than one are \
      compared with the family of the others: the effective size is the one that has their loss \
      without repeats. With a column step, the last step of each size counts. The losses over repeats \
      or steps are searched for a hump.

      Examples:
        sumac repeats fit losses.csv
        sumac repeats fit family.json --effective 8e8:2.17
        sumac repeats fit curve.csv --x step --prominence 0.05 --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(help: "The law. (default: by the columns)")
  var law: LawKind?

  @Option(help: ArgumentHelp("Column of losses.", valueName: "name"))
  var loss: String?

  @Option(help: ArgumentHelp("Column of sizes in parameters.", valueName: "name"))
  var size: String?

  @Option(help: ArgumentHelp("Column of training tokens.", valueName: "name"))
  var tokens: String?

  @Option(
    help: ArgumentHelp("Column over which a hump is searched, such as step.", valueName: "name"))
  var x: String?

  @Option(
    help: ArgumentHelp(
      "Size and loss whose effective size is computed. Can be repeated.", valueName: "n:loss"))
  var effective: [String] = []

  @Option(
    help: ArgumentHelp(
      "Average this odd number of losses before the search. (default: 5, or 1 below 15 points)",
      valueName: "n"))
  var smooth: Int?

  @Option(
    help: ArgumentHelp("Least prominence of a hump, in nats. (default: 0.02)", valueName: "x"))
  var prominence: Double?

  @Argument(help: "Table of losses, .csv or .json.", completion: .file())
  var table: String

  var inputPaths: [String] { [table] }

  func operation(_ invocation: Invocation) throws -> any Operation {
    var settings = LossCurves.Settings()
    settings.law = law
    settings.loss = loss
    settings.size = size
    settings.tokens = tokens
    settings.x = x
    settings.window = smooth
    settings.leastProminence = prominence
    settings.cases = try effective.map(LossCurves.Settings.sizeAndLoss)
    return RepeatsFitOperation(table: table, settings: settings)
  }
}

extension LawKind: ExpressibleByArgument {}
