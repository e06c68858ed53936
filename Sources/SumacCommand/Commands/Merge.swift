import ArgumentParser
import Merging
import Operations

struct Merge: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merge models: averages, task arithmetic, TIES, DARE, layer stacks.",
    discussion: """
      Matches tensors by name, for any architecture and format, and merges them in float32, one block at \
      a time. Use a mergekit recipe unchanged, or the equivalent options. Models that do not fit \
      together are reported before the work starts, with all problems at once. Merged values are rounded once, \
      to the dtype of the output.

      Methods: \(MergeMethods.all.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ")).

      Examples:
        sumac merge --recipe ties.yaml -o merged/
        sumac merge a/ b/ --method linear --weight a=0.7 --weight b=0.3 -o ab/
        sumac merge a/ b/ --base base/ --method ties --density 50% -o ab.sumac
        sumac merge a/ b/ --base base/ --method task_arithmetic --weight 0.4 -o ab/
        sumac merge a/ b/ --base base/ --method adamerging --data a=a.txt --data b=b.txt --objective loss \
      --save-coefficients c.json -o ab/
        sumac merge a/ --base base/ --method slerp --t 0.3 -o half.safetensors
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Method") var flags: MergeFlags
  @OptionGroup(title: "AdaMerging") var learningFlags: LearningFlags
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags
  @OptionGroup(title: "Evaluation") var evaluationFlags: OutputEvaluationFlags

  @Argument(
    help: ArgumentHelp("Model folders, .safetensors or .sumac files; omit with --recipe."),
    completion: .file())
  var models: [String] = []

  func operation(_ invocation: Invocation) -> MergeOperation {
    var operation = MergeOperation(models: models, output: writer.settings)
    operation.settings = flags.settings
    operation.settings.learning = learningFlags.settings
    operation.selection = selectionFlags.settings(invocation)
    operation.evaluation = evaluationFlags.settings
    return operation
  }
}
