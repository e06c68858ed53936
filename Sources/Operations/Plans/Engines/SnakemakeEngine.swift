import Base

/// Snakemake: a rule for each stage, with a marker file for each task.
enum SnakemakeEngine: TaskEngine {
  static let name = "snakemake"
  static let summary = "rules of Snakemake"
  static let templateName = "rule.txt"

  static let template = """
        threads: {threads}
        resources:
            mem_mb={memory_mib},
            runtime=240,

    """

  static func start(_ folder: String) -> String {
    "snakemake --directory \(folder) --snakefile \(folder)/Snakefile --cores all"
  }

  static func scripts(_ plan: EnginePlan) throws -> [EngineScript] {
    let stages = plan.plan.stages.filter { $0.taskCount > 0 }
    let lastNames = Set(stages.map(\.name)).subtracting(stages.flatMap(\.predecessors))
    let last = stages.filter { lastNames.contains($0.name) }
    let head = """
      # Runs the tasks of a plan. Markers in the folder done show Snakemake what is complete.
      rule all:
          input:
      \(last.map { "        " + markers(of: $0) + "," }.joined(separator: "\n"))

      """
    let rules = try stages.map { try rule($0, stages, plan) }
    return [EngineScript(name: "Snakefile", text: head + rules.joined())]
  }

  private static func markers(of stage: PlanStage) -> String {
    "expand(\"done/\(stage.name)/{index}\", index=range(1, \(stage.taskCount + 1)))"
  }

  private static func rule(
    _ stage: PlanStage, _ stages: [PlanStage], _ plan: EnginePlan
  ) throws -> String {
    let before = stages.filter { stage.predecessors.contains($0.name) }
    let input =
      before.isEmpty
      ? ""
      : "    input:\n" + before.map { "        \(markers(of: $0)),\n" }.joined()
    let command = "cd \(EnginePlan.quoted(plan.plan.folder)) && \(plan.command(stage))"
    // Braces and backslashes are special in the text of a rule.
    let escaped = command.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      .replacing("{", with: "{{").replacing("}", with: "}}")
    return """

      rule \(stage.name.replacing("-", with: "_")):
      \(input)    output:
              touch("done/\(stage.name)/{index}"),
          wildcard_constraints:
              index=r"\\d+",
      \(try plan.settings(stage))    shell:
              "\(escaped) {wildcards.index}"

      """
  }
}
