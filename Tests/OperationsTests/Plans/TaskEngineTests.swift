import Base
import Checkpoints
import Operations
import TestSupport
import Testing

/// Scripts for engines.
@Suite struct TaskEngineTests {
  private let workspace: PlanWorkspace
  private var folder: TemporaryFolder { workspace.folder }

  init() throws { workspace = try PlanWorkspace() }

  private func emit(_ engine: String, template: String? = nil) throws -> [String: String] {
    if !folder.exists("plan.json") {
      _ = try workspace.plan(PlannedCase.prunePQI.operation(workspace.output("it's out")))
    }
    var emit = EmitOperation(plan: folder["plan.json"], engine: engine, folder: folder[engine])
    emit.program = "/opt/sumac's/bin/sumac"
    emit.replacesExisting = true
    if let template {
      try folder.write(Array(template.utf8), to: "template")
      emit.template = folder["template"]
    }
    _ = try emit.run(workspace.context)
    var scripts: [String: String] = [:]
    for name in try folder.names(in: engine) {
      scripts[name] = String(decoding: try folder.bytes(engine + "/" + name), as: UTF8.self)
    }
    return scripts
  }

  /// Returns true if a shell can parse a script.
  private func isValid(_ path: String) throws -> Bool {
    try CommandRun.sumac(["-n", path], program: "/bin/bash").status == 0
  }

  @Test("every engine has a template with known fields, and writes its file of settings")
  func contract() throws {
    for engine in TaskEngines.all {
      let scripts = try emit(engine.name)
      #expect(scripts[engine.templateName] == engine.template)
      #expect(scripts.count >= 2 && scripts.values.allSatisfy { !$0.isEmpty })
      let text = scripts.values.joined()
      for stage in PlannedCase.prunePQI.stages { #expect(text.contains(stage)) }
      for (name, _) in EnginePlan.fields where name != "command" {
        #expect(
          !scripts.filter { $0.key != engine.templateName }.values.joined().contains("{\(name)}"))
      }
    }
    #expect(TaskEngines.all.count == 4)
  }

  @Test("scripts for shells are valid, and stages depend on those before them")
  func shells() throws {
    let slurm = try emit("slurm")
    #expect(slurm.count == PlannedCase.prunePQI.stages.count + 2)
    for name in slurm.keys where name.hasSuffix(".sh") {
      #expect(try isValid(folder["slurm/" + name]), "\(name)")
    }
    #expect(slurm["apply.sh"]?.contains("exec '/opt/sumac'\\''s/bin/sumac' task ") == true)
    #expect(slurm["submit.sh"]?.contains("submit combine-2 1 identify survey-2") == true)
    #expect(slurm["apply.sh"]?.contains("#SBATCH --job-name=it_s_out-apply") == true)
    _ = try emit("parallel")
    #expect(try isValid(folder["parallel/run.sh"]))
  }

  @Test("a template of the user shapes the scripts; an unknown field is an error")
  func templates() throws {
    let text = "#!/bin/bash\n#SBATCH -p long --mem={memory_mib}M\necho ${HOME} {}\n{command}\n"
    let scripts = try emit("slurm", template: text)
    let apply = try #require(scripts["apply.sh"])
    #expect(apply.contains("#SBATCH -p long --mem=") && apply.contains("echo ${HOME} {}\n"))
    #expect(scripts["task.sbatch"] == nil)
    let error = #expect(throws: UsageError.self) { try emit("slurm", template: "{comand}") }
    #expect(error?.hint?.contains("{command}") == true)
  }

  @Test("existing scripts and unknown engines are errors")
  func faults() throws {
    _ = try emit("make")
    let again = EmitOperation(plan: folder["plan.json"], engine: "make", folder: folder["make"])
    #expect(throws: OutputExistsError.self) { try again.run(workspace.context) }
    let other = EmitOperation(plan: folder["plan.json"], engine: "pbs", folder: folder["pbs"])
    #expect(throws: UsageError.self) { try other.run(workspace.context) }
    #expect(!folder.exists("pbs"))
  }
}
