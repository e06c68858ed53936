import Base
import Checkpoints
import Reporting

/// Writes the scripts with which an engine runs the tasks of a plan.
package struct EmitOperation: Operation {
  package static let verb = "plan --emit"

  /// The path of the plan.
  package var plan: String
  /// The name of the engine.
  package var engine: String
  /// The folder for the scripts, which is created if it does not exist.
  package var folder: String
  /// The path of the site settings; those of the engine if nil.
  package var template: String?
  /// The path of the program for the scripts; that of this process if nil.
  package var program: String?
  /// True if existing scripts are replaced.
  package var replacesExisting = false

  package init(plan: String, engine: String, folder: String) {
    self.plan = plan
    self.engine = engine
    self.folder = folder
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    guard let type = TaskEngines[engine] else {
      let names = TaskEngines.all.map { $0.name }
      throw UsageError(
        "unknown engine '\(engine.printable)'",
        hint: "the engines are \(names.joined(separator: ", "))")
    }
    let file = try PlanFile.opened(plan)
    let isNew = try FileSystem.targetType(folder) == nil
    if isNew { try FileSystem.createDirectory(folder) }
    do {
      let scripts = try scripts(type, file)
      for script in scripts {
        try ReportFile.check(folder + "/" + script.name, replacesExisting: replacesExisting)
      }
      for script in scripts {
        try ReportFile.write(
          script.text, to: folder + "/" + script.name, replacesExisting: replacesExisting)
      }
      return OperationResult(
        reports: [ScriptsReport(folder: folder, engine: type, names: scripts.map(\.name))])
    } catch {
      if isNew { try? FileSystem.removeTree(folder) }
      throw error
    }
  }

  private func scripts(
    _ engine: any TaskEngine.Type, _ file: PlanFile
  ) throws -> [EngineScript] {
    let text = try template.map(Self.text) ?? engine.template
    let absolute = try FileSystem.resolved(folder)
    let plan = EnginePlan(
      plan: file.plan, path: try FileSystem.resolved(plan),
      program: try program ?? FileSystem.resolved("/proc/self/exe"), logs: absolute + "/logs",
      template: text)
    let scripts = try engine.scripts(plan)
    // The settings as they were used, for the user to edit and to pass on.
    return scripts + (template == nil ? [EngineScript(name: engine.templateName, text: text)] : [])
  }

  private static func text(_ path: String) throws -> String {
    let file = try InputFile(path: path)
    guard file.byteCount <= 1 << 20,
      let text = String(
        validating: try file.bytes(at: 0, count: file.byteCount), as: UTF8.self)
    else {
      throw UsageError("\(path.printable) is not a text of up to 1 MiB, expected a template")
    }
    return text
  }
}
