import Base

/// A program of the user that runs the tasks of a plan. sumac writes scripts for it and schedules nothing itself.
package protocol TaskEngine: Sendable {
  static var name: String { get }
  /// A short description for help.
  static var summary: String { get }
  /// The name of the file of site settings, which the user may edit.
  static var templateName: String { get }
  /// The site settings by default, with the fields of ``EnginePlan``.
  static var template: String { get }
  /// The command that starts the tasks, given the folder of the scripts.
  static func start(_ folder: String) -> String
  /// Returns the scripts, with their names.
  /// - Throws: ``UsageError`` for a field that is not known.
  static func scripts(_ plan: EnginePlan) throws -> [EngineScript]
}

/// A file that is written for an engine.
package struct EngineScript: Sendable, Equatable {
  package var name: String
  package var text: String
}

/// The registry of engines.
package enum TaskEngines {
  /// All engines, one line each.
  package static let all: [any TaskEngine.Type] = [
    SlurmEngine.self,
    SnakemakeEngine.self,
    ParallelEngine.self,
    MakeEngine.self,
  ]

  package static subscript(name: String) -> (any TaskEngine.Type)? {
    all.first { $0.name == name }
  }
}

/// A plan as scripts use it: absolute paths, words for a shell, and the settings of each stage.
package struct EnginePlan: Sendable {
  package let plan: Plan
  /// The path of the plan, absolute.
  let path: String
  /// The path or name of the program.
  let program: String
  /// The folder for the logs of tasks, absolute.
  let logs: String
  /// The site settings of the user, or those of the engine.
  let template: String

  /// The names of the fields of templates, with their meanings.
  package static let fields = [
    ("job", "the name of the output and of the stage"), ("stage", "the name of the stage"),
    ("tasks", "the number of tasks of the stage"), ("threads", "the number of threads of a task"),
    ("memory_mib", "the memory of a task in MiB"), ("logs", "the folder for logs"),
    ("command", "the commands that run a task"),
  ]

  /// The start of a task's command: the program, the plan, and its limits.
  func command(_ stage: PlanStage) -> String {
    "\(Self.quoted(program)) task \(Self.quoted(path)) --quiet --stage \(stage.name) "
      + "-j \(plan.jobs) --memory \(memoryMiB(stage))MiB"
  }

  /// The memory of a task: the planned peak and some more, within the limit of the plan.
  func memoryMiB(_ stage: PlanStage) -> Int {
    let roomy = (stage.memoryByteCount + stage.memoryByteCount / 2 + (64 << 20)) >> 20
    return min(max(roomy, 64), max(64, plan.memoryByteCount >> 20))
  }

  /// The name of the output with that of a stage, for lists of jobs.
  func jobName(_ stage: PlanStage) -> String {
    let name = FileSystem.baseName(of: plan.output).map { character in
      character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
        ? character : "_"
    }
    return "\(String(name))-\(stage.name)"
  }

  /// Returns the site settings for a stage.
  /// - Throws: ``UsageError`` for a field that is not known.
  func settings(_ stage: PlanStage, command: String = "") throws -> String {
    let values = [
      "job": jobName(stage), "stage": stage.name, "tasks": String(stage.taskCount),
      "threads": String(plan.jobs), "memory_mib": String(memoryMiB(stage)), "logs": logs,
      "command": command,
    ]
    return try ScriptTemplate(template).text(values)
  }

  /// Returns a text as one word for a POSIX shell.
  static func quoted(_ text: String) -> String { text.shellWord }
}

/// A text with fields such as `{threads}`. Braces after a dollar sign, as in `${name}`, belong to the shell.
struct ScriptTemplate {
  private let template: String

  init(_ template: String) { self.template = template }

  /// Returns the text with the values of its fields.
  /// - Throws: ``UsageError`` for a field without a value.
  func text(_ values: [String: String]) throws -> String {
    var result = ""
    var rest = template[...]
    while let open = rest.firstIndex(of: "{") {
      let before = rest[..<open]
      result += before
      let inner = rest[rest.index(after: open)...]
      guard before.last != "$", let close = inner.firstIndex(of: "}"),
        Self.isName(inner[..<close])
      else {
        result += "{"
        rest = inner
        continue
      }
      let name = String(inner[..<close])
      guard let value = values[name] else {
        throw UsageError(
          "{\(name.printable)} is not a field of templates",
          hint: Nearest.name(name, of: Array(values.keys)).map { "did you mean {\($0)}?" }
            ?? "the fields are \(values.keys.sorted().map { "{\($0)}" }.joined(separator: ", "))"
        )
      }
      result += value
      rest = inner[inner.index(after: close)...]
    }
    return result + rest
  }

  private static func isName(_ text: Substring) -> Bool {
    !text.isEmpty && text.allSatisfy { $0 == "_" || ($0.isASCII && $0.isLowercase) }
  }
}
