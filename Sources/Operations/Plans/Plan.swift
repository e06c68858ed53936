package import Base
package import Checkpoints

/// Work that is divided into tasks. Separate processes run the tasks, on one machine or many.
///
/// A plan of **one output** divides its weights files. Tasks belong to stages, in this order:
///
///     identify   map      checksums of some tensors of an input, for the ids in the lineage
///     survey-R   map      round R of a survey of some tensors
///     combine-R  reduce   the state after round R, and the ids of the inputs
///     apply      map      one weights file of the output
///     assemble   reduce   the losses in the lineage, indexes, other files, and the name of the folder
///
/// Each task reads the headers of the inputs, the results of the stages before it, and the values of its own tensors. It
/// leaves a receipt in a hidden folder beside the output, and a weights file in a folder inside of that one. The cuts
/// follow from headers and settings, and the same function writes a weights file for a task and for a command, so that
/// the output has the bytes that one process would write. A plan of **many models** has one task for each of them. A plan
/// of a **sweep** has one task for each training (`member`), and one for the tables of all of them (`table`).
package struct Plan: Sendable, Equatable {
  package static let schema = "sumac.tasks/1"

  /// The output of the tasks.
  package enum Kind: String, Sendable {
    /// One output.
    case output
    /// An output for each of many models.
    case models
    /// A training for each member of a sweep, and tables of their results.
    case sweep
  }

  /// An input, as it was when the plan was made.
  package struct Input: Sendable, Equatable {
    package var path: String
    package var byteCount: Int
    /// The id of the headers, or that of the content if the file contains it.
    package var id: String
    /// A hash of the names, lengths and times of the files that are read.
    package var stamp: String
  }

  package var kind: Kind
  /// The verb of the operation.
  package var verb: String
  /// The versions that shape the output; tasks must have the same.
  package var versions: [Lineage.Option]
  /// The absolute path of the folder to which the other paths are relative.
  package var folder: String
  /// The document of the operation; see ``Operations/json(_:)``.
  package var operation: JSONValue
  package var choice: WeightsChoice
  /// The path of the output, or of the folder of outputs.
  package var output: String
  /// The number of bytes up to which a task of a map reads.
  package var taskByteCount: Int
  /// The number of threads of a task.
  package var jobs: Int
  /// The limit on the memory of a task.
  package var memoryByteCount: Int
  /// The inputs; empty for many models, whose tasks name theirs.
  package var inputs: [Input]
  package var stages: [PlanStage]

  /// The number of tasks of all stages.
  package var taskCount: Int { stages.reduce(0) { $0 + $1.taskCount } }
}

/// Tasks of a plan that can run at once.
package struct PlanStage: Sendable, Equatable {
  /// The work of a stage.
  package enum Work: Sendable, Equatable {
    case identify
    /// A round, counted from 1.
    case survey(round: Int)
    case combine(round: Int)
    case apply
    case assemble
    /// One of many models.
    case model
    /// A training of a sweep.
    case member
    /// The tables of a sweep.
    case table
  }

  package var work: Work
  package var taskCount: Int
  /// The names of the stages that must be complete before.
  package var predecessors: [String] = []
  /// The expected number of bytes that all tasks read and write.
  package var readByteCount = 0
  package var writtenByteCount = 0
  /// The planned peak memory of a task.
  package var memoryByteCount = 0

  package var name: String { work.name }
}

extension PlanStage.Work {
  package var name: String {
    switch self {
    case .identify: "identify"
    case .survey(let round): "survey-\(round)"
    case .combine(let round): "combine-\(round)"
    case .apply: "apply"
    case .assemble: "assemble"
    case .model: "model"
    case .member: "member"
    case .table: "table"
    }
  }

  /// True if each task makes an output with a name of its own.
  package var namesOutputs: Bool {
    switch self {
    case .model, .member: true
    case .identify, .survey, .combine, .apply, .assemble, .table: false
    }
  }

  /// Creates the work of a name; nil if there is none.
  package init?(name: String) {
    let parts = name.split(separator: "-")
    let round = parts.count == 2 ? Int(parts[1]).flatMap { $0 > 0 ? $0 : nil } : nil
    switch (parts.first, round, parts.count) {
    case ("identify", nil, 1): self = .identify
    case ("survey", let round?, 2): self = .survey(round: round)
    case ("combine", let round?, 2): self = .combine(round: round)
    case ("apply", nil, 1): self = .apply
    case ("assemble", nil, 1): self = .assemble
    case ("model", nil, 1): self = .model
    case ("member", nil, 1): self = .member
    case ("table", nil, 1): self = .table
    default: return nil
    }
  }
}

/// A task of a plan.
package struct PlanTask: Sendable, Equatable {
  /// The position among all tasks, from 1 on.
  package var number: Int
  package var stage: String
  /// The position among the tasks of the stage, from 1 on.
  package var index: Int
  package var readByteCount: Int
  package var writtenByteCount: Int
  /// The input of a model; otherwise a description of what is read or written.
  package var subject: String
  /// The model that the task makes; nil for a part of one output, and for tables.
  package var model: Model?

  /// The output of a task for one of many models.
  package struct Model: Sendable, Equatable {
    /// The name in the output folder.
    package var name: String
    /// A hash of the names, lengths and times of the files that are read; for a training, of all that shapes its result.
    package var stamp: String
  }
}

extension FormatError.Code {
  package static let plan = FormatError.Code(
    "plan.malformed",
    meaning: "The file of a plan is damaged, was edited, or belongs to another version.",
    remedy: "Make the plan again with the same command.")
  package static let planInput = FormatError.Code(
    "plan.input-changed",
    meaning: "An input of a plan is not what it was when the plan was made.",
    remedy: "Make the plan again; tasks of the new plan start over.")
}
