import Base
import Checkpoints
import SystemPackage

/// The receipts of tasks for many models, in a hidden folder inside the output folder.
///
/// A receipt states the settings, the stamp of the input, and the stamp of the output. It is written before the work too,
/// with the stamp of what had the name of the output, so that a task knows the output of a run that was killed from an
/// output of another command.
struct ModelReceipts: Sendable {
  static let folderName = ".sumac-tasks"

  /// The folder of the outputs.
  let output: String
  /// The digest of the settings.
  let settings: String

  /// The state of an output.
  struct Record: Sendable, Equatable {
    var settings: String
    var inputStamp: String
    /// The stamp of the output; before the work that of what had its name, or nil if nothing had.
    var outputStamp: String?
    var isDone: Bool
  }

  init(_ file: PlanFile, _ operation: any BatchableOperation) throws {
    output = file.plan.output
    settings = try [BatchStep(operation)].digest(file.plan.choice)
  }

  private var folder: String { output + "/" + Self.folderName }

  /// Returns true if the output of a task is there and nothing changed, as far as receipts and stamps tell.
  func hasResult(_ model: PlanTask.Model) throws -> Bool {
    guard let record = try record(model.name), record.isDone, record.settings == settings,
      record.inputStamp == model.stamp, let stamp = record.outputStamp
    else { return false }
    return try FileStamp(ofOutput: output + "/" + model.name)?.text == stamp
  }

  func createFolders() throws {
    for path in [output, folder] where try FileSystem.targetType(path) == nil {
      do throws(FileError) { try FileSystem.createDirectory(path) } catch {
        guard error.errno == .fileExists else { throw error }
      }
    }
  }

  /// Returns the receipt of an output; nil if there is none, or if it is damaged.
  func record(_ name: String) throws -> Record? {
    let path = folder + "/" + name + ".json"
    guard try FileSystem.typeIfPresent(path) == .regular else { return nil }
    let file = try InputFile(path: path)
    guard file.byteCount <= 1 << 20,
      let json = ChecksummedLine.value(
        of: Array(try file.bytes(at: 0, count: file.byteCount).dropLast())),
      let settings = json["settings"]?.asString, let input = json["input_stamp"]?.asString,
      let isDone = json["done"]?.asBool
    else { return nil }
    return Record(
      settings: settings, inputStamp: input, outputStamp: json["output_stamp"]?.asString,
      isDone: isDone)
  }

  func write(_ record: Record, _ name: String) throws {
    let text = ChecksummedLine.text(of: [
      "schema": .string(TaskReceipt.schema), "settings": .string(record.settings),
      "input_stamp": .string(record.inputStamp),
      "output_stamp": record.outputStamp.map { .string($0) } ?? .null,
      "done": .bool(record.isDone),
    ])
    try ReportFile.write(
      text + "\n", to: folder + "/" + name + ".json", replacesExisting: true)
  }
}
