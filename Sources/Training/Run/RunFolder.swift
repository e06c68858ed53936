package import Base
package import Checkpoints
import Containers
import Glibc
import Safetensors
import SystemPackage

/// The folder of a training: the command, a log, and the state from which the same command continues.
///
/// `run.jsonl` has the command and is locked while a run writes; `log.jsonl` has a line for each step and epoch;
/// `state.safetensors` and `best.safetensors` are replaced as a whole. Lines end in a checksum.
package final class RunFolder {
  package let path: String
  /// Held open for its lock.
  private let journal: JournalFile
  /// The lines of the log that are not in the file yet.
  private var pending: [String] = []

  /// The time between two attempts to lock a folder to which another run writes.
  private static let pollMicroseconds: UInt32 = 100_000

  package static let commandName = "run.jsonl"
  package static let logName = "log.jsonl"
  package static let stateName = "state.safetensors"
  package static let bestName = "best.safetensors"

  /// Opens the folder of a command, or creates it; its parent must exist.
  /// - Parameters:
  ///   - command: What shapes the result: settings, and hashes of the inputs.
  ///   - cancellation: Given to wait while another run writes to the folder; it ends the wait.
  /// - Throws: ``UsageError`` if it is the folder of another command, or if another run writes to it and
  ///   `cancellation` is nil; ``OutputExistsError`` if it is a folder of something else.
  package init(
    _ path: String, command: JSONObject, waiting cancellation: Cancellation? = nil,
    mayHold isOwn: (String) -> Bool = { _ in false }
  ) throws {
    self.path = path
    try Self.check(path, command: command, mayHold: isOwn)
    if try FileSystem.targetType(path) == nil {
      do throws(FileError) { try FileSystem.createDirectory(path) } catch {
        // Another run may create it meanwhile.
        guard error.errno == .fileExists else { throw error }
      }
    }
    let file = path + "/" + Self.commandName
    var journal = try JournalFile(path: file)
    while journal == nil, let cancellation {
      try cancellation.check()
      usleep(Self.pollMicroseconds)
      journal = try JournalFile(path: file)
    }
    guard let journal else {
      throw UsageError(
        "another run is writing to \(path.printable)",
        hint: "wait for its end, or choose another folder with -o")
    }
    self.journal = journal
    if try Self.command(in: path) == nil {
      try journal.append([ChecksummedLine.text(of: command)])
    }
  }

  /// Throws unless a run of the command can begin or continue in the folder. Changes nothing.
  /// - Parameter isOwn: True for names of files that a run may have before its command is recorded.
  package static func check(
    _ path: String, command: JSONObject, mayHold isOwn: (String) -> Bool = { _ in false }
  ) throws {
    switch try FileSystem.targetType(path) {
    case nil: return
    case .directory?: break
    default: throw OutputExistsError(path: path, reason: "is a file, expected a folder for the run")
    }
    // A run that begins meanwhile records its command before it makes other files.
    let names = try FileSystem.names(in: path)
    guard let past = try self.command(in: path) else {
      guard names.allSatisfy({ $0 == commandName || isOwn($0) }) else {
        throw OutputExistsError(path: path, reason: "is a folder without a training")
      }
      return
    }
    let keys = Self.differences(command, past)
    guard keys.isEmpty else {
      throw UsageError(
        "\(path.printable) is the run of another command; different are "
          + keys.joined(separator: ", ").printable,
        hint: "choose another folder with -o, or repeat the command as it was")
    }
  }

  /// Returns the names of the settings that differ; those in objects by their own names.
  private static func differences(_ command: JSONObject, _ past: JSONValue) -> [String] {
    let names = command.flatMap { key, value -> [String] in
      guard past[key] != value else { return [] }
      if let inner = value.asObject, let before = past[key], before.asObject != nil {
        return differences(inner, before)
      }
      return [key.replacing("_", with: "-")]
    }
    // The last member of a line is its checksum.
    let others = (past.asObject ?? [:]).map(\.key).filter { command[$0] == nil && $0 != "sum" }
    return names + others.map { $0.replacing("_", with: "-") }
  }

  /// Returns the command that is recorded in a folder; nil if there is none.
  private static func command(in path: String) throws -> JSONValue? {
    var found: JSONValue?
    try JournalFile.forEachLine(of: path + "/" + commandName) { _, line in
      if found == nil { found = line.flatMap(ChecksummedLine.value(of:)) }
    }
    return found
  }

  // MARK: Log

  /// Adds a line to the log, which is written with the next state.
  package func log(_ line: JSONObject) { pending.append(ChecksummedLine.text(of: line)) }

  /// Writes the lines that were added, and waits until they are on disk.
  package func flushLog() throws {
    guard !pending.isEmpty else { return }
    guard let log = try JournalFile(path: path + "/" + Self.logName) else {
      throw UsageError("another program has locked \(path.printable)/\(Self.logName)")
    }
    try log.append(pending)
    pending = []
  }

  /// Returns the lines of the log up to a step, and removes later ones, which the run makes again.
  package func rewindLog(toStep step: Int) throws -> [JSONValue] {
    var (kept, texts, isWhole) = ([JSONValue](), "", true)
    let file = path + "/" + Self.logName
    try JournalFile.forEachLine(of: file) { _, line in
      guard let line, let value = ChecksummedLine.value(of: line),
        value["step"]?.asInt ?? .max <= step
      else {
        isWhole = false
        return
      }
      kept.append(value)
      texts += String(decoding: line, as: UTF8.self) + "\n"
    }
    guard !isWhole else { return kept }
    let text = Array(texts.utf8)
    try AtomicOutput(path: file, replacesExisting: true).writeFile {
      try $0.write(text.rawSpan, at: 0)
    }
    return kept
  }

  /// Throws ``FormatError`` unless the log has a line for each epoch that the state has ended.
  func checkLog(_ count: Int, expected: Int) throws {
    guard count != expected else { return }
    throw FormatError(
      .trainingState, "has \(count.counted("epoch")), expected \(expected) of the saved state",
      path: path + "/" + Self.logName,
      hint: "remove the folder of the run, and repeat the command")
  }

  // MARK: States

  /// Writes tensors to a file of the folder, which replaces an existing one as a whole.
  package func write(_ tensors: [LazyTensor], to name: String) throws {
    let file = path + "/" + name
    let checkpoint = Checkpoint(
      path: file, container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "", byteCount: 0), files: [])
    let writer = try SafetensorsWriter(checkpoint, options: WriterOptions())
    // A state is written even if the run is to end.
    let engine = Engine(workers: 1, cancellation: Cancellation(), progress: NoProgress())
    try writer.write(to: AtomicOutput(path: file, replacesExisting: true), engine: engine)
  }

  /// Returns the tensors of a file of the folder; nil if it does not exist.
  package func tensors(_ name: String) throws -> [String: LazyTensor]? {
    let file = path + "/" + name
    guard try FileSystem.targetType(file) != nil else { return nil }
    let checkpoint = try Containers.read(file)
    return Dictionary(
      checkpoint.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Removes files of runs that were killed while they wrote a state.
  package func removePartials() throws {
    for name in try FileSystem.names(in: path) where PartialName.isPartial(name) {
      try FileSystem.removeFile(path + "/" + name)
    }
  }
}
