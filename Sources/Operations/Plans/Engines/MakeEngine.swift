import Base

/// make: a rule for each stage, with a marker file for each task.
enum MakeEngine: TaskEngine {
  static let name = "make"
  static let summary = "rules of make"
  static let templateName = "settings.mk"

  static let template = """
    # Words before each task's command, such as nice or a remote shell.
    RUN :=

    """

  static func start(_ folder: String) -> String { "make -C \(folder) -j 2" }

  static func scripts(_ plan: EnginePlan) throws -> [EngineScript] {
    let stages = plan.plan.stages.filter { $0.taskCount > 0 }
    let lastNames = Set(stages.map(\.name)).subtracting(stages.flatMap(\.predecessors))
    let last = stages.filter { lastNames.contains($0.name) }.map(variable)
    let head = """
      # Runs the tasks of a plan. Markers in the folder done show make what is complete.
      .PHONY: all
      all:

      """
    let lists = stages.map { stage in
      "\(name(stage)) := $(addprefix done/\(stage.name)-,$(shell seq 1 \(stage.taskCount)))\n"
    }.joined()
    let rules = try stages.map { try rule($0, plan) }.joined()
    return [
      EngineScript(
        name: "Makefile", text: head + lists + "\nall: \(last.joined(separator: " "))\n" + rules)
    ]
  }

  private static func name(_ stage: PlanStage) -> String {
    stage.name.uppercased().replacing("-", with: "_")
  }

  private static func variable(_ stage: PlanStage) -> String { "$(\(name(stage)))" }

  private static func rule(_ stage: PlanStage, _ plan: EnginePlan) throws -> String {
    let before = plan.plan.stages.filter { stage.predecessors.contains($0.name) }.map(variable)
    // A dollar sign is special in rules.
    let command =
      "cd \(EnginePlan.quoted(plan.plan.folder)) && $(RUN) "
      + plan.command(stage).replacing("$", with: "$$")
    return """

      \(try plan.settings(stage))\(variable(stage)): done/\(stage.name)-%: \(before.joined(separator: " "))
      \t\(command) $*
      \t@mkdir -p done && touch $@

      """
  }
}
