import Base
import Checkpoints
import SystemPackage

/// The hidden folder beside the output of a plan, with the receipts of its tasks and the weights files that are done.
///
/// It is named after the output and the digest of the plan, so that tasks of another plan do not meet its files.
struct TaskFolder: Sendable {
  let path: String
  let plan: String
  let output: String

  /// - Parameter digest: The digest of the plan.
  init(output: String, digest: String) {
    var output = output
    while output.count > 1, output.hasSuffix("/") { output.removeLast() }
    self.output = output
    plan = digest
    path = FileSystem.parent(of: output) + "/" + Self.name(FileSystem.baseName(of: output), digest)
  }

  private static func name(_ output: String, _ digest: String) -> String {
    ".\(output).tasks-\(digest)"
  }

  /// The folder that becomes the output.
  var staged: String { path + "/output" }

  /// Creates the folder if it does not exist.
  func create() throws(FileError) {
    guard try FileSystem.typeIfPresent(path) == nil else { return }
    do throws(FileError) { try FileSystem.createDirectory(path) } catch {
      guard error.errno == .fileExists else { throw error }
    }
  }

  // MARK: Receipts

  private func receiptPath(_ stage: String, _ index: Int) -> String {
    "\(path)/\(stage)-\(index).json"
  }

  /// Returns the receipt of a task; nil if there is none, or if it is damaged.
  func receipt(_ stage: String, _ index: Int) throws -> TaskReceipt? {
    let place = receiptPath(stage, index)
    guard try FileSystem.typeIfPresent(place) == .regular else { return nil }
    let file = try InputFile(path: place)
    guard file.byteCount <= 1 << 30,
      let receipt = TaskReceipt(try file.bytes(at: 0, count: file.byteCount)),
      receipt.plan == plan, receipt.stage == stage, receipt.index == index
    else { return nil }
    return receipt
  }

  func write(_ receipt: TaskReceipt) throws {
    try ReportFile.write(
      receipt.text, to: receiptPath(receipt.stage, receipt.index), replacesExisting: true)
  }

  /// Returns the receipts of all tasks of a stage, in order.
  /// - Throws: ``UsageError`` if some are missing.
  func receipts(of stage: PlanStage) throws -> [TaskReceipt] {
    let receipts = try (1..<stage.taskCount + 1).map { try receipt(stage.name, $0) }
    try check(stage, receipts.map { $0 != nil })
    return receipts.compactMap(\.self)
  }

  /// Returns the results of all tasks of a stage, in order, which are read one at a time.
  /// - Throws: ``UsageError`` if some are missing.
  func results(of stage: PlanStage) throws -> [SplitSurvey.Result] {
    let places = (1..<stage.taskCount + 1).map { receiptPath(stage.name, $0) }
    try check(stage, places.map { try FileSystem.typeIfPresent($0) != nil })
    return places.enumerated().map { number, place in
      SplitSurvey.Result(path: place) {
        guard let receipt = try receipt(stage.name, number + 1) else {
          throw missing(stage, [number + 1])
        }
        return receipt.result
      }
    }
  }

  private func check(_ stage: PlanStage, _ arePresent: [Bool]) throws(UsageError) {
    let absent = arePresent.indices.filter { !arePresent[$0] }.map { $0 + 1 }
    if !absent.isEmpty { throw missing(stage, absent) }
  }

  private func missing(_ stage: PlanStage, _ numbers: [Int]) -> UsageError {
    UsageError(
      "\(numbers.count.counted("task")) of the stage \(stage.name) \(numbers.count == 1 ? "has" : "have") no result: "
        + TaskNumbers.text(numbers, limit: 8),
      hint: "run them first: \(command: "task PLAN --stage \(stage.name) \(numbers[0])")")
  }

  /// The place of the result of a task, for messages.
  func place(_ stage: String, _ index: Int) -> String { receiptPath(stage, index) }

  // MARK: Files

  /// Returns true if a weights file is there with the length and checksum that a receipt states.
  func holds(_ file: TaskReceipt.File, engine: Engine) throws -> Bool {
    let place = staged + "/" + file.path
    guard try hasLength(file, at: place) else { return false }
    return try FileChecksum.text(of: place, from: file.lateByteCount, engine: engine)
      == file.checksum
  }

  private func hasLength(_ file: TaskReceipt.File, at place: String) throws -> Bool {
    guard let stat = try FileSystem.targetIfPresent(place) else { return false }
    return stat.type == .regular && Int(stat.size) == file.byteCount
  }

  /// Returns the file of a receipt that is missing or has another length; nil if all are there.
  func missingFile(_ receipts: [TaskReceipt]) throws -> (receipt: TaskReceipt, path: String)? {
    for receipt in receipts {
      for file in receipt.files where try !hasLength(file, at: staged + "/" + file.path) {
        return (receipt, file.path)
      }
    }
    return nil
  }

  // MARK: The end

  private static let assembled = "assembled"

  /// Records the files of the whole output, before it gets its name.
  func recordAssembly(_ files: [TaskReceipt.File]) throws {
    var receipt = TaskReceipt(plan: plan, stage: Self.assembled, index: 1)
    receipt.files = files
    // A folder keeps its inode when it is renamed, so that it is told from another folder of the name.
    receipt.result = try FileIdentity.ifPresent(staged).map { JSONValue($0.inode) } ?? .null
    try write(receipt)
  }

  /// True if the output that was assembled has its name, and its files have the lengths that were recorded.
  func isAssembled() throws -> Bool {
    guard let receipt = try receipt(Self.assembled, 1),
      let inode = try FileIdentity.ifPresent(output)?.inode, receipt.result.asUInt64 == inode
    else { return false }
    return try receipt.files.allSatisfy { try hasLength($0, at: output + "/" + $0.path) }
  }

  /// Removes everything except the record of the assembled output.
  func clean() throws {
    let kept = FileSystem.baseName(of: receiptPath(Self.assembled, 1))
    for name in try FileSystem.names(in: path) where name != kept {
      do throws(FileError) { try FileSystem.removeTree(path + "/" + name) } catch {
        // A second process cleans the same folder.
        guard error.errno == .noSuchFileOrDirectory else { throw error }
      }
    }
  }
}

/// Lists of task numbers, such as `1-3,7`.
package enum TaskNumbers {
  /// Returns ascending numbers as ranges.
  /// - Parameter limit: The number of ranges after which the list ends with `…`.
  package static func text(_ numbers: [Int], limit: Int = .max) -> String {
    var ranges: [(Int, Int)] = []
    for number in numbers {
      if let last = ranges.last, last.1 + 1 == number {
        ranges[ranges.count - 1].1 = number
      } else {
        ranges.append((number, number))
      }
    }
    let parts = ranges.prefix(limit).map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)-\($0.1)" }
    return parts.joined(separator: ",") + (ranges.count > limit ? ",…" : "")
  }
}
