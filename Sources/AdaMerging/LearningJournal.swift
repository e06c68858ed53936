package import Base
import Checkpoints

/// A file with the state of a learning after a step: the coefficients, the state of Adam, and the objective so far.
///
/// The same command goes on from it after it was killed, with the same bytes. The file is replaced as a whole, and removed
/// when the run is complete. Its name is a hash of the run, so that runs with other inputs or options have files of their
/// own in the folder. A second file has the lines of the steps for a trajectory; those after the state are written again.
///
/// The file consists of CBOR and its XXH64 in 8 bytes, little-endian.
package final class LearningJournal {
  /// The state between two steps.
  package struct State: Sendable, Equatable {
    /// The mean objective of each task, for each step.
    package var means: [[Double]] = []
    /// λ before it is limited, and the state of Adam, each of shape `[rows, models]`.
    package var numbers: [[Double]] = []
    /// The share of correct predictions of each task before the first step; nil for tasks without labels.
    package var accuracies: [Double?] = []
    /// The length of the lines of the steps.
    package var stepsByteCount = 0
    /// True if all steps are done, after which the outputs are written.
    package var isComplete = false

    package init() {}
  }

  package static let suffix = ".learning"
  package static let stepsSuffix = ".steps"
  private static let limit = 1 << 30
  /// The shortest time between two states, unless storing one takes long.
  private static let interval = Duration.milliseconds(100)
  /// A state is stored after as many times the time that storing the last one took.
  private static let shareOfTime = 20

  package let path: String
  private let stepsPath: String
  private let folder: String
  private let key: String
  private var steps: OutputFile?
  /// The length of the lines so far.
  private var stepsByteCount = 0
  /// The lines that are not in the file yet.
  private var pending: [UInt8] = []
  private var due = ContinuousClock.now

  /// The place of the state of a run.
  package struct Place: Sendable {
    /// The folder of the files. It is created with the first state if it does not exist.
    let folder: String
    /// A text that differs if inputs or options of the run differ.
    let key: String

    package init(folder: String, key: String) {
      self.folder = folder
      self.key = key
    }
  }

  /// - Throws: ``FileError``, or an error if files cannot be written there.
  package init(_ place: Place) throws {
    (folder, key) = (place.folder, place.key)
    let name = XXH64.digits(of: Array(key.utf8))
    path = folder + "/" + name + Self.suffix
    stepsPath = folder + "/" + name + Self.stepsSuffix
    if try FileSystem.targetType(folder) == nil {
      try AtomicOutput(path: folder, replacesExisting: false).check(isDirectory: true)
    } else {
      try AtomicOutput(path: path, replacesExisting: true).check(isDirectory: false)
    }
  }

  /// Returns the memory that a state needs while it is stored or read.
  package static func byteCount(rows: Int, models: Int, steps: Int, tasks: Int) -> Int {
    40 * (3 * rows * models + steps * tasks) + pieceByteCount
  }

  /// Removes the files.
  package func remove() throws {
    steps = nil
    for path in [path, stepsPath] where try FileSystem.typeIfPresent(path) != nil {
      try FileSystem.removeFile(path)
    }
  }

  // MARK: Writing

  /// True if so much time has passed since the last state that the next one costs little.
  package var isDue: Bool { ContinuousClock.now >= due }

  /// Adds a line of a step, which is written with the next state.
  package func append(_ line: String) { pending += line.utf8 }

  /// Replaces the file by a state.
  package func store(_ state: State) throws {
    let start = ContinuousClock.now
    if try FileSystem.targetType(folder) == nil { try FileSystem.createDirectory(folder) }
    try storeSteps()
    var state = state
    state.stepsByteCount = stepsByteCount
    var bytes = CBORValue.map(state.record(key: key)).encoded
    let sum = XXH64.hash(bytes.span)
    bytes += (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
    try AtomicOutput(path: path, replacesExisting: true).writeFile { file in
      try file.write(bytes.rawSpan, at: 0)
    }
    let end = ContinuousClock.now
    due = end + max(Self.interval, (end - start) * Self.shareOfTime)
  }

  /// Writes the pending lines, and waits until they are on disk.
  private func storeSteps() throws {
    guard !pending.isEmpty else { return }
    if steps == nil {
      steps =
        try FileSystem.typeIfPresent(stepsPath) == nil
        ? OutputFile(creating: stepsPath) : OutputFile(updating: stepsPath)
    }
    let bytes = pending
    try steps?.write(bytes.rawSpan, at: stepsByteCount)
    try steps?.sync()
    stepsByteCount += bytes.count
    pending = []
  }

  // MARK: Reading

  /// Returns the state of a run that was killed; nil if there is none, or if it is damaged.
  /// - Parameter note: Called with a remark on what was found.
  package func state(note: (Message) -> Void) throws -> State? {
    guard try FileSystem.targetType(folder) != nil else { return nil }
    for entry in try AbandonedOutputs.entries(in: folder, of: FileSystem.baseName(of: path))
    where entry.state == .abandoned {
      try FileSystem.removeFile(folder + "/" + entry.name)
    }
    guard try FileSystem.typeIfPresent(path) != nil else {
      let others = try FileSystem.names(in: folder).filter { $0.hasSuffix(Self.suffix) }
      if !others.isEmpty {
        note(
          "\(folder.printable) has \(others.count.counted("state")) of runs with other inputs or options, which stay as they are"
        )
      }
      return nil
    }
    guard let state = try stored() else {
      note("\(path.printable) is damaged; the run starts over")
      return nil
    }
    stepsByteCount = state.stepsByteCount
    note("goes on after step \(state.means.count)")
    return state
  }

  /// True if there is a state after which only outputs are to be written.
  package var isComplete: Bool {
    get throws {
      guard try FileSystem.targetType(folder) != nil, try FileSystem.typeIfPresent(path) != nil
      else { return false }
      return try stored()?.isComplete ?? false
    }
  }

  private func stored() throws -> State? {
    let file = try InputFile(path: path)
    guard (8...Self.limit).contains(file.byteCount) else { return nil }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    let body = Array(bytes.dropLast(8))
    let sum = bytes.suffix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard XXH64.hash(body.span) == sum else { return nil }
    let value: CBORValue
    do { value = try CBORValue.parse(body.span) } catch { return nil }
    guard let state = value.asMap.flatMap({ State($0, key: key) }) else { return nil }
    guard state.stepsByteCount > 0 else { return state }
    guard try FileSystem.typeIfPresent(stepsPath) != nil else { return nil }
    return try InputFile(path: stepsPath).byteCount >= state.stepsByteCount ? state : nil
  }

  private static let pieceByteCount = 1 << 16

  /// Passes on the lines of the steps, in pieces.
  package func forEachPiece(_ body: (String) throws -> Void) throws {
    try storeSteps()
    guard stepsByteCount > 0 else { return }
    let file = try InputFile(path: stepsPath)
    for start in stride(from: 0, to: stepsByteCount, by: Self.pieceByteCount) {
      let count = min(Self.pieceByteCount, stepsByteCount - start)
      // The lines have numbers and names of members only, so that each byte is a character.
      try body(String(decoding: try file.bytes(at: start, count: count), as: UTF8.self))
    }
  }
}

extension LearningJournal.State {
  private static func bytes(_ numbers: [Double]) -> CBORValue {
    .bytes(
      numbers.flatMap { number in
        (0..<8).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) }
      })
  }

  private static func numbers(_ value: CBORValue?) -> [Double]? {
    guard let bytes = value?.asBytes, bytes.count % 8 == 0 else { return nil }
    return stride(from: 0, to: bytes.count, by: 8).map { start in
      Double(bitPattern: (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * $1) })
    }
  }

  /// The state as the file stores it.
  fileprivate func record(key: String) -> CBORMap {
    var map = CBORMap()
    map["key"] = .text(key)
    map["tasks"] = CBORValue(accuracies.count)
    map["means"] = Self.bytes(means.flatMap(\.self))
    map["numbers"] = .array(numbers.map(Self.bytes))
    map["accuracies"] = .array(accuracies.map { $0.map { .float($0) } ?? .null })
    map["steps"] = CBORValue(stepsByteCount)
    map["complete"] = .bool(isComplete)
    return map
  }

  /// Reads a state; nil if it is malformed or that of another run.
  fileprivate init?(_ map: CBORMap, key: String) {
    guard map["key"]?.asText == key, let taskCount = map["tasks"]?.asInt, taskCount > 0,
      let flat = Self.numbers(map["means"]), flat.count % taskCount == 0,
      let lists = map["numbers"]?.asArray, let shares = map["accuracies"]?.asArray,
      shares.count == taskCount, let length = map["steps"]?.asInt, length >= 0,
      let isComplete = map["complete"]?.asBool
    else { return nil }
    let numbers = lists.compactMap(Self.numbers)
    guard numbers.count == lists.count else { return nil }
    means = stride(from: 0, to: flat.count, by: taskCount).map {
      Array(flat[$0..<$0 + taskCount])
    }
    self.numbers = numbers
    accuracies = shares.map(\.asFloat)
    stepsByteCount = length
    self.isComplete = isComplete
  }
}
