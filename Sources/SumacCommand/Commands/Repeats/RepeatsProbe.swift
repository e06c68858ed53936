import ArgumentParser
import Operations

struct RepeatsProbe: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Run a model over repeated tokens: attention patterns of heads, and losses by copy.",
    discussion: """
      Runs the model over sequences of a start token and a segment of different random tokens twice. \
      Prefix matching is the mean attention from a token of the second segment to the token after its \
      first occurrence; it is near 1 for an induction head. Duplicate and previous token are the same \
      for the first occurrence and the token before. The loss by copy comes from a segment that occurs \
      many times.

      Examples:
        sumac repeats probe model/
        sumac repeats probe model/ --length 50 --sequences 16 --seed 1
        sumac repeats probe model/ --tokens probes.safetensors:tokens --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags
  @OptionGroup(title: "Sequences") var probe: ProbeFlags

  @Argument(help: "Model folder, .sumac file or other checkpoint.", completion: .file())
  var model: String

  var inputPaths: [String] { [model] + probe.settings.inputPaths }

  func operation(_ invocation: Invocation) -> any Operation {
    RepeatsProbeOperation(model: model, settings: probe.settings)
  }
}
