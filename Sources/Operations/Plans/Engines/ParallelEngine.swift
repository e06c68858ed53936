import Base

/// GNU parallel: one call for each stage, one after another.
enum ParallelEngine: TaskEngine {
  static let name = "parallel"
  static let summary = "calls of GNU parallel"
  static let templateName = "options.sh"

  static let template = """
    # Options of GNU parallel. --jobs is the number of tasks at once on a machine; --sshlogin HOST,… adds machines that
    # have the program, the plan and the models under the same paths.
    options=(--jobs 2 --halt soon,fail=1)

    """

  static func start(_ folder: String) -> String { "bash \(folder)/run.sh" }

  static func scripts(_ plan: EnginePlan) throws -> [EngineScript] {
    let stages = plan.plan.stages.filter { $0.taskCount > 0 }
    let runs = try stages.map { stage in
      let task = "cd \(EnginePlan.quoted(plan.plan.folder)) && \(plan.command(stage)) {}"
      return """
        \(try plan.settings(stage))echo "\(stage.name): \(stage.taskCount.counted("task"))"
        seq 1 \(stage.taskCount) | parallel "${options[@]}" --joblog "$logs/\(stage.name).tsv" \(EnginePlan.quoted(task))

        """
    }
    let script = """
      #!/bin/bash
      # Runs all tasks, stage after stage. Tasks that have a result end at once, so that it can be run again.
      set -euo pipefail
      logs=\(EnginePlan.quoted(plan.logs))
      mkdir -p "$logs"

      \(runs.joined(separator: "\n"))
      """
    return [EngineScript(name: "run.sh", text: script)]
  }
}
