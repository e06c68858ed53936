import Foundation
import Glibc
import TestSupport
import Testing

/// Merges with learned coefficients that are killed, by the built program.
@Suite(.needsOpenBLAS) struct ResumedMergeTests {
  private let folder: TemporaryFolder
  private static let outputs = ["out.safetensors", "c.json", "t.jsonl"]
  private static let learning =
    [
      "merge", "a.safetensors", "b.safetensors", "c.safetensors", "--base", "base.safetensors",
      "--method", "adamerging", "--heads", "heads.safetensors", "--arch", "config.json",
      "--divisor", "16", "--batch", "4", "--ties", "50%", "-o", "out.safetensors",
      "--save-coefficients", "c.json", "--trajectory", "t.jsonl",
    ] + ["a", "b", "c"].flatMap { ["--data", "\($0)=pool.safetensors:\($0)"] }

  init() throws {
    folder = try TemporaryFolder()
    for name in ["base", "a", "b", "c", "pool", "heads"] {
      let bytes = try Fixtures.bytes("adamerging/\(name).safetensors")
      try folder.write(bytes, to: "\(name).safetensors")
    }
    let configuration =
      #"{"model_type":"mlp_encoder","input_shape":[12],"hidden_sizes":[10,8],"num_labels":6}"#
    try folder.write(Array(configuration.utf8), to: "config.json")
  }

  private func results() throws -> [[UInt8]] { try Self.outputs.map { try folder.bytes($0) } }

  private func removeOutputs() throws {
    for name in Self.outputs where folder.exists(name) {
      try FileManager.default.removeItem(atPath: folder[name])
    }
  }

  @Test("the outputs have the same bytes for any number of threads") func threads() throws {
    var found: [[[UInt8]]] = []
    for jobs in ["1", "2"] {
      let run = try CommandRun.sumac(
        Self.learning + ["--steps", "40", "-j", jobs], in: folder.path)
      #expect(run.status == 0, "\(run.messages)")
      found.append(try results())
      try removeOutputs()
    }
    #expect(found[0] == found[1])
  }

  @Test("a learning that was killed goes on to the same bytes, and leaves no state")
  func kills() throws {
    let arguments = Self.learning + ["--steps", "1500"]
    let whole = try CommandRun.sumac(arguments, in: folder.path)
    #expect(whole.status == 0, "\(whole.messages)")
    let expected = try results()
    try removeOutputs()
    var killed = 0
    for round in 0..<60 where killed < 10 {
      let process = CommandRun.process(arguments + ["--resume", "states"], in: folder.path)
      (process.standardOutput, process.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice
      )
      try process.run()
      usleep(UInt32(120_000 + 31_000 * (round % 7)))
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
      if process.terminationReason == .uncaughtSignal {
        killed += 1
      } else {
        #expect(try results() == expected)
        try removeOutputs()
      }
    }
    #expect(killed >= 5)
    // The last kill comes after the first state.
    let process = CommandRun.process(arguments + ["--resume", "states"], in: folder.path)
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    for _ in 0..<2000 where (try? folder.names(in: "states"))?.isEmpty != false { usleep(2_000) }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let last = try CommandRun.sumac(arguments + ["--resume", "states"], in: folder.path)
    #expect(last.status == 0, "\(last.messages)")
    #expect(last.messages.contains("goes on after step"), "\(last.messages)")
    #expect(try results() == expected)
    #expect(try folder.names(in: "states").isEmpty)
  }

  @Test("states of another command are not used, and outputs that exist are not replaced")
  func others() throws {
    let options = ["--steps", "1000000", "--resume", "states"]
    let process = CommandRun.process(Self.learning + options, in: folder.path)
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    for _ in 0..<400 where (try? folder.names(in: "states"))?.isEmpty != false { usleep(10_000) }
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationStatus == 130)
    let names = try folder.names(in: "states")
    #expect(names.contains { $0.hasSuffix(".learning") })
    let other = try CommandRun.sumac(
      Self.learning + ["--steps", "5", "--resume", "states"], in: folder.path)
    #expect(other.status == 0 && other.messages.contains("with other inputs or options"))
    #expect(try folder.names(in: "states") == names)
    let again = try CommandRun.sumac(
      Self.learning + ["--steps", "6", "--resume", "states"], in: folder.path)
    #expect(again.status == 5, "\(again.messages)")
  }
}
