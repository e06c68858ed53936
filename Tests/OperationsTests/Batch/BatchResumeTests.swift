import Base
import Checkpoints
import Operations
import TestSupport
import Testing

/// Batches that run again after they were ended or after something changed.
@Suite struct BatchResumeTests {
  @Test("the same batch again does nothing")
  func again() throws {
    let workspace = try BatchWorkspace()
    try workspace.run(workspace.converting())
    let (outputs, identities) = (try workspace.outputs(), try workspace.identities())
    let report = try workspace.run(workspace.converting())
    #expect(report.states == Array(repeating: .skipped, count: 12))
    #expect(try workspace.outputs() == outputs && workspace.identities() == identities)
  }

  @Test("a batch that is stopped goes on where it stopped", arguments: [1, 2, 5, 11])
  func stopped(count: Int) throws {
    let workspace = try BatchWorkspace()
    try workspace.run(workspace.converting("whole"))
    let cancellation = Cancellation()
    let recorder = BatchRecorder { if $0 == count { cancellation.request(.interrupted) } }
    #expect(throws: InterruptedError.self) {
      try workspace.converting().run(
        workspace.context(recorder, jobs: 1, cancellation: cancellation))
    }
    let first = try workspace.identities()
    #expect(first.count == count)
    let report = try workspace.run(workspace.converting())
    #expect(report.states.count { $0 == .skipped } == count)
    #expect(report.states.count { $0 == .done } == 12 - count)
    let second = try workspace.identities()
    for (name, identity) in first { #expect(second[name] == identity) }
    #expect(try workspace.outputs() == workspace.outputs("whole"))
  }

  @Test("a journal that ends anywhere, even within a line, loses no output", arguments: 0..<24)
  func torn(part: Int) throws {
    let workspace = try BatchWorkspace(models: 5)
    try workspace.run(workspace.converting())
    let (outputs, identities) = (try workspace.outputs(), try workspace.identities())
    let journal = try workspace.journal()
    // The plans are written before any output appears, so that a kill leaves them whole.
    let lines = journal.split(separator: 0x0A, omittingEmptySubsequences: false)
    let planned = lines.prefix(6).reduce(0) { $0 + $1.count + 1 }
    let end = planned + (journal.count - planned) * part / 23
    try workspace.setJournal(journal.prefix(end))
    let recorder = BatchRecorder()
    let report = try workspace.run(workspace.converting(), recorder)
    #expect(report.states.allSatisfy { $0 == .skipped || $0 == .recovered })
    #expect(try workspace.outputs() == outputs && workspace.identities() == identities)
    #expect(try workspace.run(workspace.converting()).states.allSatisfy { $0 == .skipped })
  }

  @Test("a damaged line is left out and reported, and the others count")
  func damaged() throws {
    let workspace = try BatchWorkspace(models: 4)
    try workspace.run(workspace.converting())
    let identities = try workspace.identities()
    var journal = try workspace.journal()
    let index = try #require(journal.lastIndex(of: UInt8(ascii: ":")))
    journal[index] ^= 1
    try workspace.setJournal(Array("nonsense\n".utf8) + journal + [0xFF, 0x0A, 0x7B])
    let recorder = BatchRecorder()
    let report = try workspace.run(workspace.converting(), recorder)
    #expect(report.states.count { $0 == .skipped } == 3)
    #expect(report.states.count { $0 == .recovered } == 1)
    #expect(recorder.warnings.count == 1 && recorder.warnings[0].contains("4 damaged lines"))
    #expect(try workspace.identities() == identities)
  }

  @Test("a model whose values changed is done again, and only it")
  func changedInput() throws {
    let workspace = try BatchWorkspace(models: 4)
    try workspace.run(workspace.converting())
    let before = try workspace.outputs()
    try workspace.writeModel(3, seed: 99)
    let report = try workspace.run(workspace.converting())
    #expect(report.states == [.skipped, .skipped, .done, .skipped])
    let after = try workspace.outputs()
    #expect(before["m03.sumac"] != after["m03.sumac"] && before["m02.sumac"] == after["m02.sumac"])
    #expect(try workspace.run(workspace.converting()).states.allSatisfy { $0 == .skipped })
  }

  @Test("a model with new times and the same content is not done again")
  func touchedInput() throws {
    let workspace = try BatchWorkspace(models: 2)
    try workspace.run(workspace.converting())
    let identities = try workspace.identities()
    let name = "models/m01/model.safetensors"
    try workspace.folder.write(workspace.folder.bytes(name), to: name)
    #expect(try workspace.run(workspace.converting()).states == [.skipped, .skipped])
    #expect(try workspace.identities() == identities)
  }

  @Test("an output that was removed or replaced is not taken for the result")
  func changedOutput() throws {
    let workspace = try BatchWorkspace(models: 3)
    try workspace.run(workspace.converting())
    let outputs = try workspace.outputs()
    try FileSystem.removeFile(workspace.folder["out/m01.sumac"])
    try workspace.folder.write([7], to: "out/m02.sumac")
    let report = try workspace.run(workspace.converting())
    #expect(report.states == [.done, .failed, .skipped])
    #expect(report.results[1].error?.status == .outputExists)
    #expect(try workspace.outputs()["m01.sumac"] == outputs["m01.sumac"])
    #expect(try workspace.outputs()["m02.sumac"] == [7])
  }

  @Test("an output of others is not taken for the result after a failure")
  func outputAfterFailure() throws {
    let workspace = try BatchWorkspace(models: 1)
    let whole = try workspace.folder.bytes("models/m01/model.safetensors")
    try workspace.run(workspace.converting())
    try FileSystem.removeFile(workspace.folder["out/m01.sumac"])
    try workspace.folder.write([1], to: "models/m01/model.safetensors")
    #expect(throws: (any Error).self) { try workspace.run(workspace.converting()) }
    try workspace.folder.write(whole, to: "models/m01/model.safetensors")
    try workspace.folder.write([7], to: "out/m01.sumac")
    #expect(throws: (any Error).self) { try workspace.run(workspace.converting()) }
    #expect(try workspace.outputs()["m01.sumac"] == [7])
  }

  @Test("the output of a batch whose last step failed is its own")
  func failedLastStep() throws {
    let workspace = try BatchWorkspace(models: 1)
    var batch = workspace.converting()
    var convert = BatchWorkspace.convert
    convert.storage.type = "int4"
    var verify = VerifyOperation(inputs: [])
    verify.largestRMSE = 0
    batch.steps = [BatchStep(convert), BatchStep(verify)]
    batch.source = "jobs.yaml"
    #expect(try workspace.run(batch).states == [.failed])
    let output = try workspace.outputs()["m01.sumac"]
    #expect(output != nil)
    batch.steps = [BatchStep(BatchWorkspace.convert)]
    #expect(try workspace.run(batch).states == [.done])
    #expect(try workspace.outputs()["m01.sumac"] != output)
  }

  @Test("the journal of another command is an error, unless the batch starts over")
  func otherCommand() throws {
    let workspace = try BatchWorkspace(models: 2)
    try workspace.run(workspace.converting())
    let before = try workspace.outputs()
    var batch = workspace.converting()
    var convert = BatchWorkspace.convert
    convert.storage.type = "int8"
    batch.steps = [BatchStep(convert)]
    let error = #expect(throws: UsageError.self) { try workspace.run(batch) }
    #expect(error?.hint?.contains("no-resume") == true)
    batch.resumes = false
    #expect(try workspace.run(batch).states == [.done, .done])
    #expect(try workspace.outputs()["m01.sumac"] != before["m01.sumac"])
    batch.resumes = true
    #expect(try workspace.run(batch).states == [.skipped, .skipped])
  }

  @Test("a file of jobs may change: models with new options are done again")
  func changedFile() throws {
    let workspace = try BatchWorkspace(models: 2)
    var convert = BatchWorkspace.convert
    var batch = workspace.converting()
    batch.source = "jobs.yaml"
    batch.models = [BatchModel(path: workspace.model(1)), BatchModel(path: workspace.model(2))]
    try workspace.run(batch)
    convert.dtype = .bf16
    batch.models[1].steps = [BatchStep(convert)]
    #expect(try workspace.run(batch).states == [.skipped, .done])
  }

  @Test("two batches do not write to one folder")
  func lock() throws {
    let workspace = try BatchWorkspace(models: 2)
    try workspace.run(workspace.converting())
    let held = try #require(
      try JournalFile(path: workspace.folder["out/" + BatchJournal.name]))
    let error = #expect(throws: UsageError.self) { try workspace.run(workspace.converting()) }
    #expect(error?.message.contains("another batch") == true)
    try held.append([])
  }
}
