import Base
import Checkpoints
import Synchronization

/// Runs the models of a batch, one after another or side by side, within one number of threads and one memory budget.
struct BatchRun: Sendable {
  /// The bytes of values for each thread of a model while other models wait. Models with less run on one thread each, side
  /// by side, because a single model has phases that use one thread only.
  private static let threadByteCount = 64 << 20

  let planned: [PlannedJob]
  let journal: BatchJournal
  let stopsAtFailure: Bool
  let keepsIntermediates: Bool
  let context: OperationContext

  private final class State: Sendable {
    let results: Mutex<[BatchResult?]>
    let hasStopped = Atomic<Bool>(false)
    /// The first error that is a fault of the program or of the journal.
    let fault = Mutex<(any Error)?>(nil)

    init(count: Int) { results = Mutex(Array(repeating: nil, count: count)) }

    func stop(_ error: any Error) {
      hasStopped.store(true, ordering: .relaxed)
      fault.withLock { if $0 == nil { $0 = error } }
    }
  }

  /// Runs everything that is left to do.
  /// - Returns: A result for each model, in order.
  /// - Throws: ``InterruptedError``, or the error of writing the journal. What is done is in the journal.
  func results() throws -> [BatchResult] {
    let pending = planned.indices.filter { planned[$0].isPending }
    let state = State(count: planned.count)
    try journal.append(
      planned.filter(\.hasNewStamps).compactMap(\.renewedEvent)
        + pending.map { .plan(planned[$0].event) })
    let progress = BatchProgress(
      context.observer.progress, models: pending.count,
      byteCount: pending.reduce(0) { $0 + planned[$1].valueByteCount })
    defer { progress.end() }
    let resident = ResidentMemory.currentByteCount
    let memory = max(0, context.memory.limit - resident)
    let resources = SharedResources(.init(threads: context.jobs, byteCount: memory))
    // The workers must take all tickets, so that cancellation is checked inside of the work.
    try Parallel(jobs: min(context.jobs, pending.count), cancellation: Cancellation()).forEach(
      count: pending.count, workspaceByteCount: 0
    ) { ticket, _ in
      let index = pending[ticket]
      resources.withPart(ticket: ticket) { free in
        part(
          of: free, for: planned[index], waitingCount: pending.count - ticket,
          memory: memory)
      } _: { amount in
        var context = context
        context.jobs = max(1, amount.threads)
        if amount.byteCount < memory {
          context.memory = context.memory.part(amount.byteCount, residentByteCount: resident)
        }
        run(index, state, progress, context)
      }
    }
    try context.cancellation.check()
    if let fault = state.fault.withLock({ $0 }) { throw fault }
    let found = state.results.withLock { $0 }
    return planned.indices.map { found[$0] ?? planned[$0].result }
  }

  /// Returns the threads and the memory of a model; nil to wait for more.
  private func part(
    of free: SharedResources.Amount, for planned: PlannedJob, waitingCount: Int, memory: Int
  ) -> SharedResources.Amount? {
    // Without a plan of all steps, the work runs alone.
    guard planned.isFullyPlanned else { return nil }
    let useful = planned.outlines.map(\.usefulThreadCount).max() ?? 1
    let fair = max(
      1, planned.valueByteCount / Self.threadByteCount, free.threads / max(1, waitingCount))
    var threads = min(context.jobs, useful, fair)
    guard free.threads >= threads else { return nil }
    func needed(_ threads: Int) -> Int {
      MemoryBudget.byteCount(planned.demand, workers: threads)
    }
    while threads > 1, needed(threads) > free.byteCount { threads -= 1 }
    guard needed(threads) <= free.byteCount else { return nil }
    let share = memory / context.jobs * threads
    return SharedResources.Amount(
      threads: threads, byteCount: min(free.byteCount, max(share, needed(threads))))
  }

  private func run(
    _ index: Int, _ state: State, _ progress: BatchProgress, _ context: OperationContext
  ) {
    let planned = planned[index]
    guard !state.hasStopped.load(ordering: .relaxed) else { return }
    let counter = progress.model(byteCount: planned.valueByteCount)
    var context = context
    context.reportsAbandoned = false
    context.observer = BatchObserver(
      base: self.context.observer, name: planned.job.input, progress: counter)
    let start = ContinuousClock.now
    var result = planned.result
    do {
      try context.cancellation.check()
      let done = try BatchExecution(
        planned: planned, keepsIntermediates: keepsIntermediates, context: context
      ).done()
      try journal.append([.done(done)])
      result = BatchResult(done, output: planned.output, state: planned.endState)
    } catch is InterruptedError {
      return state.hasStopped.store(true, ordering: .relaxed)
    } catch let error as any UserError {
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      context.observer.report(.failure(error))
      (result.state, result.error, result.seconds) = (.failed, error, seconds)
      if stopsAtFailure { state.hasStopped.store(true, ordering: .relaxed) }
      do { try journal.append([.failed(planned.failure(error, seconds: seconds))]) } catch {
        state.stop(error)
      }
    } catch {
      return state.stop(error)
    }
    counter.finish(name: planned.job.input, result: result.state.rawValue)
    state.results.withLock { $0[index] = result }
  }
}

extension PlannedJob {
  fileprivate var event: BatchEvent.Plan {
    BatchEvent.Plan(
      output: job.name, input: job.input, inputStamp: inputStamp, settings: job.settings,
      // The output of a run that was ended replaces nothing; the plan of that run holds.
      replaced: endState == .recovered ? nil : outputStamp)
  }

  fileprivate var renewedEvent: BatchEvent? {
    if case .skip(let done) = action { .done(done) } else { nil }
  }

  fileprivate var endState: BatchResult.State {
    if case .finish = action { .recovered } else { .done }
  }

  fileprivate func failure(_ error: any UserError, seconds: Double) -> BatchEvent.Failure {
    BatchEvent.Failure(
      output: job.name, input: job.input, code: error.facts.code,
      message: error.message.description, outputStamp: writtenStamp, seconds: seconds)
  }

  /// The stamp of the output if the batch wrote it before a later step failed.
  private var writtenStamp: String? {
    let stamp = (try? FileStamp(ofOutput: output))??.text
    return stamp == outputStamp && endState != .recovered ? nil : stamp
  }

  /// The result of a model that needs no work, or whose work did not start.
  var result: BatchResult {
    switch action {
    case .skip(let done): BatchResult(done, output: output, state: .skipped)
    case .fail(let error):
      BatchResult(input: job.input, output: output, state: .failed, error: error)
    case .run, .finish:
      BatchResult(
        input: job.input, output: output, state: .notRun,
        inputByteCount: inputByteCount > 0 ? inputByteCount : nil)
    }
  }
}

extension BatchResult {
  init(_ done: BatchEvent.Done, output: String, state: State) {
    self.init(
      input: done.input, output: output, state: state, inputByteCount: done.inputByteCount,
      outputByteCount: done.outputByteCount, relativeError: done.relativeError,
      divergence: done.divergence,
      seconds: state == .skipped ? nil : done.seconds)
  }
}
