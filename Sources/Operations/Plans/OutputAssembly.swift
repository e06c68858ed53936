import Base
import Checkpoints
import Containers
import SystemPackage

/// The last task of a plan: makes the output of the weights files that the other tasks have written.
///
/// Every step can be repeated, so that the task can be killed and run again, or run twice at once.
struct OutputAssembly {
  let folder: TaskFolder
  let split: SplitOutput
  let staged: StagedDirectory
  let context: OperationContext

  /// Records the losses, writes the other files, checks the headers of the whole folder, and gives it its name.
  ///
  /// - Parameters:
  ///   - receipts: The receipts of all weights files.
  ///   - state: The state after the last round of the survey.
  ///   - check: Throws if an input changed.
  /// - Returns: The length of all files.
  func run(
    _ receipts: [TaskReceipt], state: JSONValue?, check: () throws -> Void
  ) throws -> Int {
    let losses = try receipts.flatMap(losses).sorted { $0.name.precedesAsBytes($1.name) }
    let files = try context.withEngine(
      .write, demand, byteCount: 0, companions: split.writer.plan.companions
    ) { engine in
      let writer = try split.headerWriter(state: state, engine: engine)
      try finish(writer, losses: losses, engine)
      return try writtenFiles(writer)
    }
    try checkHeaders()
    try check()
    try context.cancellation.check()
    try folder.recordAssembly(files)
    try appear()
    let byteCount = files.reduce(0) { $0 + $1.byteCount }
    report(losses, receipts, byteCount: byteCount)
    return byteCount
  }

  private var demand: MemoryBudget.Demand {
    let (write, survey) = (split.writer.plan.demand, split.surveyDemand)
    return MemoryBudget.Demand(
      fixedByteCount: write.fixedByteCount + survey.fixedByteCount,
      workerByteCount: write.workerByteCount)
  }

  private func losses(_ receipt: TaskReceipt) throws -> [TensorLoss] {
    let list = receipt.result["losses"]?.asArray
    let losses = list?.compactMap(TensorLoss.init(exactJSON:))
    guard let list, let losses, losses.count == list.count else {
      throw FormatError(
        .plan, "does not have the losses of its tensors",
        path: folder.place(receipt.stage, receipt.index),
        hint: "remove the file and run the task again")
    }
    return losses
  }

  private func finish(
    _ writer: any PartitionedWriter, losses: [TensorLoss], _ engine: Engine
  ) throws {
    for (number, part) in writer.parts.enumerated() where part.lateByteCount > 0 {
      let file = try OutputFile(updating: folder.staged + "/" + part.file)
      try writer.record(losses, inPart: number, to: file, engine: engine)
      try file.sync()
    }
    for (number, name) in writer.otherFiles.enumerated() {
      try staged.publishFile(name, through: folder.path) {
        try writer.write(
          otherFile: number, to: $0, beside: folder.staged, losses: losses, engine: engine)
      }
    }
    try FileSystem.syncDirectory(folder.staged)
  }

  private func writtenFiles(_ writer: any PartitionedWriter) throws -> [TaskReceipt.File] {
    try (writer.parts.map(\.file) + writer.otherFiles).map { name in
      TaskReceipt.File(
        path: name, byteCount: try FileSystem.byteCount(ofTree: folder.staged + "/" + name))
    }
  }

  /// Reads the headers of the folder as a command would that uses it.
  private func checkHeaders() throws {
    let found = try context.quiet.read(folder.staged, for: .report)
    let expected = split.writer.plan.rows.count
    guard found.tensors.count == expected else {
      throw FormatError(
        .plan,
        "the assembled folder has \(found.tensors.count.counted("tensor")), expected \(expected)",
        path: folder.staged, hint: "remove \(folder.path.printable) and run all tasks again")
    }
  }

  // MARK: The name

  private func appear() throws {
    let output = folder.output
    switch try FileSystem.renameUnlessPresent(folder.staged, to: output) {
    case .renamed: break
    case .unsupported:
      guard try FileSystem.typeIfPresent(output) == nil else { return try replace() }
      try FileSystem.rename(folder.staged, to: output)
    case .present: return try replace()
    }
    try FileSystem.syncDirectory(FileSystem.parent(of: output))
    try folder.clean()
  }

  private func replace() throws {
    let settings = split.run.settings
    try AtomicOutput(
      path: folder.output, replacesExisting: settings.replacesExisting,
      inputs: split.request.output.files
    ).check(isDirectory: true)
    guard try FileSystem.exchange(folder.staged, with: folder.output) else {
      throw FileError("exchange with its replacement", folder.output, .notSupported)
    }
    try FileSystem.syncDirectory(FileSystem.parent(of: folder.output))
    try folder.clean()
  }

  // MARK: Messages

  private func report(_ losses: [TensorLoss], _ receipts: [TaskReceipt], byteCount: Int) {
    if let warning = LossWarning.message(for: losses) {
      context.observer.report(.warning(warning))
    }
    let plan = split.writer.plan
    context.observer.report(
      .note(
        "\(folder.output.printable): \(plan.rows.count.counted("tensor")) in "
          + "\(split.writer.parts.count.counted("weights file")), \(ByteSize(byteCount))"))
    if let loss = ModelLoss(losses, elementCount: plan.elementCount) {
      context.observer.report(.note(Message(loss.summary)))
    }
  }
}
