import Base

/// Slurm: a job array for each stage, which starts after the stages before it.
enum SlurmEngine: TaskEngine {
  static let name = "slurm"
  static let summary = "job arrays of Slurm"
  static let templateName = "task.sbatch"

  /// The largest index of an array, if a site has the default `MaxArraySize` of 1001.
  private static let arrayLimit = 1000

  static let template = """
    #!/bin/bash
    #SBATCH --job-name={job}
    #SBATCH --output={logs}/%x-%A_%a.txt
    #SBATCH --cpus-per-task={threads}
    #SBATCH --mem={memory_mib}M
    #SBATCH --time=04:00:00
    #SBATCH --requeue
    # Add what the site needs: partition, account, constraints, modules.
    set -euo pipefail
    {command}

    """

  static func start(_ folder: String) -> String { "bash \(folder)/submit.sh" }

  static func scripts(_ plan: EnginePlan) throws -> [EngineScript] {
    let stages = plan.plan.stages.filter { $0.taskCount > 0 }
    return try stages.map { stage in
      EngineScript(
        name: stage.name + ".sh",
        text: try plan.settings(stage, command: command(plan, stage)))
    } + [EngineScript(name: "submit.sh", text: submission(plan, stages))]
  }

  /// The number of tasks that one element of an array runs.
  private static func groupSize(_ stage: PlanStage) -> Int {
    (stage.taskCount + arrayLimit - 1) / arrayLimit
  }

  private static func command(_ plan: EnginePlan, _ stage: PlanStage) -> String {
    let size = groupSize(stage)
    let folder = "cd \(EnginePlan.quoted(plan.plan.folder))\n"
    guard size > 1 else { return folder + "exec \(plan.command(stage)) \"$SLURM_ARRAY_TASK_ID\"" }
    return folder + """
      first=$(((SLURM_ARRAY_TASK_ID - 1) * \(size) + 1))
      last=$((first + \(size - 1)))
      if ((last > \(stage.taskCount))); then last=\(stage.taskCount); fi
      exec \(plan.command(stage)) "$first-$last"
      """
  }

  private static func submission(_ plan: EnginePlan, _ stages: [PlanStage]) -> String {
    let submissions = stages.map { stage in
      (["submit", stage.name, String(groupSize(stage))] + stage.predecessors)
        .joined(separator: " ")
    }
    return """
      #!/bin/bash
      # Submits the tasks that have no result, stage after stage. Run it again to repeat what failed.
      set -euo pipefail
      here=$(cd "$(dirname "$0")" && pwd)
      sumac=\(EnginePlan.quoted(plan.program))
      plan=\(EnginePlan.quoted(plan.path))
      cd \(EnginePlan.quoted(plan.plan.folder))
      mkdir -p \(EnginePlan.quoted(plan.logs))
      declare -A jobs

      # submit STAGE TASKS-PER-ELEMENT PREDECESSOR...
      submit() {
        local stage=$1 group=$2 tasks after="" predecessor
        local -a options=()
        shift 2
        tasks=$("$sumac" task "$plan" --stage "$stage" --missing --group "$group")
        if [ -z "$tasks" ]; then
          echo "$stage: complete"
          return
        fi
        for predecessor in "$@"; do
          if [ -n "${jobs[$predecessor]:-}" ]; then after+=":${jobs[$predecessor]}"; fi
        done
        if [ -n "$after" ]; then
          options=(--dependency="afterok$after" --kill-on-invalid-dep=yes)
        fi
        jobs[$stage]=$(sbatch --parsable --array="$tasks" "${options[@]}" "$here/$stage.sh" | cut -d ';' -f 1)
        echo "$stage: job ${jobs[$stage]}, tasks $tasks"
      }

      \(submissions.joined(separator: "\n"))

      """
  }
}
