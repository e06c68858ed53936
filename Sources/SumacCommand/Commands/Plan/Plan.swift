import ArgumentParser
import Operations

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Divide the work on one huge model, or on many, into tasks for many machines.",
    discussion: """
      Writes a plan: a file with tasks that sumac task runs one by one, in any order within a stage. The \
      result is byte for byte that of the command without a plan. Existing engines run the tasks: \
      \(TaskEngines.all.map { $0.name }.joined(separator: ", ")); --emit writes scripts for them.

      Examples:
        sumac plan prune model/ --into pruned -o plan.json
        sumac plan merge a/ b/ --method linear --into ab -o plan.json --shard-size 2GB
        sumac plan convert models/* --into packed -o plan.json
        sumac plan plan.json
        sumac plan plan.json --emit slurm -o scripts
        bash scripts/submit.sh
      """,
    subcommands: [
      PlanOf<Convert>.self, PlanOf<Prune>.self, PlanOfOne<Merge>.self, PlanOfOne<Calibrate>.self,
      PlanRope.self, PlanRepeats.self, PlanFile.self,
    ],
    defaultSubcommand: PlanFile.self)
}

struct PlanRope: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rope", abstract: "Plan to rescale rotary frequencies.",
    subcommands: [PlanOf<RopeScale>.self])
}
