import Base
import Checkpoints
import Operations
import Reporting
import TestSupport

/// A folder for plans of small models, and runs of their tasks.
struct PlanWorkspace {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let base = Fixtures.path("models/base")
  static let models = [Fixtures.path("models/poetry"), Fixtures.path("models/tech")]

  var context: OperationContext { context() }

  func context(_ observer: BatchRecorder = BatchRecorder(), jobs: Int = 2) -> OperationContext {
    OperationContext(
      jobs: jobs, memory: MemoryBudget(limit: 2 << 30), temporaryFolder: folder.path,
      observer: observer)
  }

  /// Returns settings for a folder of several weights files.
  func output(_ name: String) -> OutputSettings {
    var output = OutputSettings(path: folder[name])
    output.shardByteCount = 300_000
    return output
  }

  /// Plans an operation whose output is already set.
  func plan(_ operation: some OutputOperation, _ name: String = "plan.json") throws -> PlanFile {
    var plan = PlanOperation(path: folder[name], work: .output(PlannedOutput(operation)))
    plan.taskByteCount = 250_000
    _ = try plan.run(context)
    return try PlanFile.opened(folder[name])
  }

  /// Runs a task and returns what became of it.
  @discardableResult
  func run(
    _ file: PlanFile, _ number: Int, stage: String? = nil,
    _ context: OperationContext? = nil
  ) throws -> String {
    let result = try TaskOperation(plan: file.path, stage: stage, first: number, last: number)
      .run(context ?? self.context)
    guard let task = (result.reports.first as? TaskReport)?.lines.first,
      let state = task["result"]?.asString
    else { throw UsageError("the task returned no report") }
    return state
  }

  /// Runs all tasks, those of each stage in another order for each seed, and returns what became of them.
  @discardableResult
  func runAll(_ file: PlanFile, seed: UInt64 = 0) throws -> [String] {
    var random = SeededGenerator(seed: seed)
    var states: [String] = []
    for stage in file.plan.stages {
      for index in (1...stage.taskCount).shuffled(using: &random) {
        states.append(try run(file, index, stage: stage.name))
      }
    }
    return states
  }

  /// Returns the content of all files in a folder, by their paths, and of hidden folders too.
  func files(_ name: String) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    func add(_ path: String) throws {
      for entry in try folder.names(in: name + path) {
        if FileSystem.isDirectory(folder[name + path + "/" + entry]) {
          try add(path + "/" + entry)
        } else {
          found[path + "/" + entry] = try folder.bytes(name + path + "/" + entry)
        }
      }
    }
    try add("")
    return found
  }

  /// The hidden folder of the tasks of an output, relative to the workspace.
  func taskFolder(_ output: String) throws -> String {
    guard let name = try folder.names().first(where: { $0.hasPrefix(".\(output).tasks-") }) else {
      throw UsageError("there is no folder of tasks")
    }
    return name
  }
}
