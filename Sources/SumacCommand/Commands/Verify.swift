import ArgumentParser
import Operations

struct Verify: ReportVerb {
  static let configuration = CommandConfiguration(
    abstract: "Check that a checkpoint is whole, or equal to another.",
    discussion: """
      Reads every byte and checks structure and, where the format has them, checksums. With --against \
      it compares names, dtypes, shapes and values with an original in any format: bit for bit, or \
      within an error you allow. Exit code 3 means damage, 1 a difference.

      Examples:
        sumac verify model.sumac
        sumac verify model.sumac --against model/
        sumac verify half.safetensors --against model.safetensors --max-abs 0.01
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp("Compare with this checkpoint.", valueName: "original"),
    completion: .file())
  var against: String?

  @Option(
    help: ArgumentHelp("Allow this root mean square error per tensor.", valueName: "error"))
  var maxRmse: Double?

  @Option(help: ArgumentHelp("Allow this error of any value.", valueName: "error"))
  var maxAbs: Double?

  @Argument(
    help: "Files, shard indexes or model folders; - is standard input.", completion: .file())
  var inputs: [String]

  mutating func validate() throws {
    guard against == nil || inputs.count == 1 else {
      throw ValidationError("--against compares one input with one original")
    }
    guard against != nil || (maxRmse == nil && maxAbs == nil) else {
      throw ValidationError("--max-rmse and --max-abs need --against")
    }
    for limit in [maxRmse, maxAbs].compactMap(\.self) where !(limit >= 0) {
      throw ValidationError("an allowed error must be a number from 0")
    }
  }

  func operation() -> any Operation {
    var operation = VerifyOperation(inputs: inputs)
    operation.against = against
    operation.largestRMSE = maxRmse
    operation.largestError = maxAbs
    operation.reportsFailuresOnly = global.quiet
    return operation
  }
}
