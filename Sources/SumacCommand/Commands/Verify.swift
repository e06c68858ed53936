import ArgumentParser
import Operations

struct Verify: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check the integrity of a checkpoint, or compare it with another.",
    discussion: """
      Reads every byte and checks the structure and, if the format has them, the checksums. With \
      --against, compares names, dtypes, shapes and values with an original in any format: bit for bit, \
      or within an allowed error. Exit status 3 means damage, 1 a difference.

      Examples:
        sumac verify model.sumac
        sumac verify model.sumac --against model/
        sumac verify half.safetensors --against model.safetensors --max-abs 0.01
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp("Checkpoint to compare with.", valueName: "original"),
    completion: .file())
  var against: String?

  @Option(
    help: ArgumentHelp("Maximum root mean square error per tensor.", valueName: "error"))
  var maxRmse: Double?

  @Option(help: ArgumentHelp("Maximum absolute error of a value.", valueName: "error"))
  var maxAbs: Double?

  @Flag(help: "With --against: list every difference, however many there are.")
  var details = false

  @Argument(
    help: "Files, shard indexes or model folders; - means standard input.", completion: .file())
  var inputs: [String]

  mutating func validate() throws {
    guard against == nil || inputs.count == 1 else {
      throw ValidationError("--against takes exactly one input")
    }
    guard against != nil || (maxRmse == nil && maxAbs == nil) else {
      throw ValidationError("--max-rmse and --max-abs need --against")
    }
    guard against != nil || !details else {
      throw ValidationError("--details needs --against")
    }
    for limit in [maxRmse, maxAbs].compactMap(\.self) where !(limit >= 0) {
      throw ValidationError("--max-rmse and --max-abs must be 0 or more")
    }
  }

  var inputPaths: [String] { inputs + [against].compactMap(\.self) }

  func operation(_ invocation: Invocation) -> any Operation { batchOperation(invocation) }

  func batchOperation(_ invocation: Invocation) -> any BatchableOperation {
    var operation = VerifyOperation(inputs: inputs)
    operation.against = against
    operation.largestRMSE = maxRmse
    operation.largestError = maxAbs
    operation.listsDifferences = details
    operation.reportsFailuresOnly = global.quiet
    return operation
  }
}
