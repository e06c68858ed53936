package import Base
import Synchronization

/// The journal of a batch: a file in the output folder that states what was planned and what is done.
///
/// Each event is one line, appended with one write. Damaged lines are left out and reported; the others count.
package final class BatchJournal: Sendable {
  package static let name = ".sumac-batch.jsonl"

  /// The events of earlier runs.
  package struct Past: Sendable {
    /// The command and its settings that the last start recorded; nil in a new journal.
    var start: (command: String, settings: String)?
    /// The work on each output since the batch started over that has no result: it was ended by a kill, or a step failed
    /// after the output was written.
    var unfinished: [UTF8Key: Unfinished] = [:]
    /// The last event of each output since the batch started over, if it is a result.
    var done: [UTF8Key: BatchEvent.Done] = [:]
    /// The outputs whose work ever started.
    var attempted: Set<UTF8Key> = []
    /// The stamps of the outputs that the batch ever wrote, by their names.
    var written: [UTF8Key: Set<String>] = [:]
    /// The numbers of the damaged lines.
    var damagedLines: [Int] = []

    fileprivate mutating func add(_ plan: BatchEvent.Plan) {
      let key = UTF8Key(plan.output)
      (unfinished[key], done[key]) = (Unfinished(plan: plan), nil)
      attempted.insert(key)
    }

    fileprivate mutating func add(_ result: BatchEvent.Done) {
      let key = UTF8Key(result.output)
      (unfinished[key], done[key]) = (nil, result)
      written[key, default: []].insert(result.outputStamp)
    }

    fileprivate mutating func add(_ failure: BatchEvent.Failure) {
      let key = UTF8Key(failure.output)
      done[key] = nil
      if let stamp = failure.outputStamp {
        written[key, default: []].insert(stamp)
        unfinished[key]?.writtenStamp = stamp
      } else {
        unfinished[key] = nil
      }
    }
  }

  /// Work that was planned and has no result.
  struct Unfinished: Sendable {
    let plan: BatchEvent.Plan
    /// The stamp of the output that was written before a later step failed; nil if nothing was recorded after the plan.
    var writtenStamp: String?

    /// Returns true if an output with this stamp was written by the work.
    func wrote(_ stamp: String) -> Bool {
      writtenStamp.map { $0 == stamp } ?? (stamp != plan.replaced)
    }
  }

  /// The events of the file when it was opened.
  package let past: Past
  private let file: Mutex<JournalFile?>
  private let path: String

  /// Opens the journal of a folder, and locks it unless it is only read.
  /// - Throws: ``UsageError`` if another batch writes to the folder.
  package init(folder: String, isReadOnly: Bool) throws {
    path = folder + "/" + Self.name
    var opened: JournalFile?
    if !isReadOnly {
      opened = try JournalFile(path: path)
      guard opened != nil else {
        throw UsageError(
          "another batch is writing to \(folder.printable)",
          hint: "wait for its end, or choose another folder with -o")
      }
    }
    past = try Self.past(path)
    file = Mutex(opened)
  }

  private static func past(_ path: String) throws -> Past {
    var past = Past()
    try JournalFile.forEachLine(of: path) { number, line in
      guard let event = line.flatMap(BatchEvent.init(line:)) else {
        past.damagedLines.append(number)
        return
      }
      switch event {
      case .start(let command, let settings, let startsOver):
        past.start = (command, settings)
        if startsOver { (past.unfinished, past.done) = ([:], [:]) }
      case .plan(let plan): past.add(plan)
      case .done(let done): past.add(done)
      case .failed(let failure): past.add(failure)
      }
    }
    return past
  }

  /// A warning about damaged lines; nil if there are none.
  package var warning: Message? {
    guard !past.damagedLines.isEmpty else { return nil }
    let lines = past.damagedLines.prefix(4).map(String.init).joined(separator: ", ")
    let others = past.damagedLines.count > 4 ? ", …" : ""
    return
      "\(path.printable): \(past.damagedLines.count.counted("damaged line")) left out (\(lines)\(others)); "
      + "a model whose result is lost is done again, or taken over if its output is complete"
  }

  /// Appends events and waits until they are on disk.
  func append(_ events: [BatchEvent]) throws {
    let lines = events.map(\.line)
    try file.withLock { file in
      guard let file else { return }
      try file.append(lines)
    }
  }
}
