package import Base
package import Checkpoints
import Containers

/// The resources of an operation and the observer of its progress.
package struct OperationContext: Sendable {
  /// The maximum number of threads.
  package var jobs: Int
  package var memory: MemoryBudget
  package var temporaryFolder: String
  /// The folder of the Hugging Face cache in which models are looked up by their ids; nil to look up none.
  package var hubFolder: String?
  /// The choice among several weights of an input.
  package var choice = WeightsChoice()
  /// False if the caller looks after unfinished outputs of runs that were killed.
  var reportsAbandoned = true
  /// Planned outputs by their paths, which stand for the outputs while later steps are planned.
  var plannedOutputs: [String: Checkpoint] = [:]
  package let cancellation: Cancellation
  package var observer: any OperationObserver

  package init(
    jobs: Int, memory: MemoryBudget, temporaryFolder: String = "/tmp", hubFolder: String? = nil,
    cancellation: Cancellation = Cancellation(), observer: any OperationObserver
  ) {
    self.jobs = jobs
    self.memory = memory
    self.temporaryFolder = temporaryFolder
    self.hubFolder = hubFolder
    self.cancellation = cancellation
    self.observer = observer
  }
}

/// Receives the notices of a running operation; may be called from any thread.
package protocol OperationObserver: Sendable {
  func report(_ notice: OperationNotice)
  /// The receiver of progress, one phase after the other.
  var progress: any Progress { get }
}

/// A message of an operation.
package enum OperationNotice: Sendable {
  /// A problem that does not stop the work.
  case warning(Message)
  /// Something that was done or decided.
  case note(Message)
  /// The storage of a tensor in the input and in the output.
  case decision(tensor: String, from: String, to: String)
  /// An error in one of several inputs; the others are still processed.
  case failure(any UserError)
  /// The time or memory that the work used.
  case measurement(String)
}

extension OperationContext {
  /// The path that stands for standard input.
  package static let standardInputPath = "-"
  package static let standardInputName = "standard input"

  /// Reads the headers of a checkpoint that an output is made of, and reports their notes as warnings.
  package func read(_ path: String) throws -> Checkpoint { try read(path, for: .output) }

  /// Returns the limit on memory for a catalog that is put to a use.
  package func catalogLimit(for use: CatalogUse) -> CatalogLimit {
    CatalogLimit(
      byteCount: memory.limit, use: use,
      keptByteCount: use == .output ? memory.keptByteCount : 0)
  }

  /// Reads a checkpoint's headers and reports their notes as warnings.
  /// - Throws: ``UsageError`` if the catalog and its use need more memory than the limit.
  package func read(_ path: String, for use: CatalogUse) throws -> Checkpoint {
    try cancellation.check()
    if let planned = plannedOutputs[path] { return planned }
    let limit = catalogLimit(for: use)
    guard path != Self.standardInputPath else {
      var checkpoint = try Containers.read(
        spooledStandardInput {
          try Containers.registry.check(prefix: $0, ofStream: Self.standardInputName)
        }, name: Self.standardInputName, limit: limit, choice: choice)
      checkpoint.path = Self.standardInputName
      return checkpoint
    }
    let checkpoint = try Containers.read(path, limit: limit, choice: choice)
    for note in checkpoint.notes { observer.report(.warning(note)) }
    return use == .output ? checkpoint.gatheringChecksums() : checkpoint
  }

  /// Copies standard input to an unnamed file; see ``StandardInput/spooled(check:)``.
  package func spooledStandardInput(check: ([UInt8]) throws -> Void = { _ in }) throws -> String {
    try StandardInput(folder: temporaryFolder, cancellation: cancellation).spooled(check: check)
  }

  /// The memory that each worker needs for reading, in addition to that of the operation.
  static let workerReserveByteCount = 256 << 10

  /// The memory for the lists of a phase, for each tensor that it reads.
  static let tensorReserveByteCount = 512

  /// Returns as many workers as the memory allows.
  func allotment(of demand: MemoryBudget.Demand) throws -> MemoryBudget.Allotment {
    var demand = demand
    demand.workerByteCount += Self.workerReserveByteCount
    return try memory.allot(demand, jobs: jobs, tiles: .max, valueByteCount: .max)
  }

  /// Runs a phase on an engine with as many workers as the memory allows.
  ///
  /// - Parameter companions: The names of files that are read like tensors but do not count as such.
  package func withEngine<Result>(
    _ phase: ProgressPhase, _ demand: MemoryBudget.Demand, tensors: Int = 0, byteCount: Int,
    companions: [String] = [], _ body: (Engine) throws -> Result
  ) throws -> Result {
    var demand = demand
    demand.fixedByteCount += Self.tensorReserveByteCount * (tensors + companions.count)
    let allotment = try allotment(of: demand)
    let engine = Engine(
      workers: allotment.workers, cancellation: cancellation,
      progress: TensorProgress(observer.progress, companions: companions))
    try cancellation.check()
    guard byteCount > 0 else { return try body(engine) }
    engine.progress.begin(phase, tensors: tensors, byteCount: byteCount)
    defer { engine.progress.end() }
    return try body(engine)
  }
}
