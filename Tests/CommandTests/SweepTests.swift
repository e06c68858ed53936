import Base
import Foundation
import Glibc
import TestSupport
import Testing

/// Sweeps over repeats by the built program.
@Suite struct SweepTests {
  private static let arguments = ["repeats", "sweep", "repeats/sweep.yaml", "-q", "-o"]

  @Test("a sweep that was killed continues to the same files") func kills() throws {
    let workspace = try Workspace()
    let run = try CommandRun.sumac(Self.arguments + ["whole"], in: workspace.folder.path)
    #expect(run.status == 0, "\(run.messages)")
    var killed = 0
    for round in 0..<60 where killed < 8 {
      let process = CommandRun.process(Self.arguments + ["parts"], in: workspace.folder.path)
      (process.standardOutput, process.standardError) = (
        FileHandle.nullDevice, FileHandle.nullDevice
      )
      try process.run()
      usleep(UInt32(60_000 + 17_000 * (round % 11)))
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
      guard process.terminationReason == .uncaughtSignal else {
        // The sweep was over; the next one begins again.
        try FileManager.default.removeItem(atPath: workspace.folder["parts"])
        continue
      }
      killed += 1
    }
    #expect(killed >= 4)
    #expect(
      try CommandRun.sumac(Self.arguments + ["parts"], in: workspace.folder.path).status == 0)
    try expectWhole("parts", in: workspace.folder)
  }

  /// Expects that a sweep has the files of the one in `whole`.
  private func expectWhole(_ other: String, in folder: TemporaryFolder) throws {
    let names = try folder.names(in: "whole")
    // Twelve trainings and three tables.
    #expect(names.count == 15)
    #expect(try folder.names(in: other) == names)
    for name in names {
      let files =
        name.hasPrefix("sweep.")
        ? (name == "sweep.json" ? [] : [name])
        : try folder.names(in: "whole/" + name).map { name + "/" + $0 }
      for file in files {
        let (whole, parts) = (
          try folder.bytes("whole/" + file), try folder.bytes(other + "/" + file)
        )
        #expect(whole == parts, "\(file)")
      }
    }
  }

  @Test("processes that train one sweep at once all end well, with the same files")
  func together() throws {
    let folder = try Workspace().folder
    #expect(try CommandRun.sumac(Self.arguments + ["whole"], in: folder.path).status == 0)
    let plan = "plan repeats sweep repeats/sweep.yaml --into tasks -o plan.json -j 1"
    #expect(
      try CommandRun.sumac(plan.split(separator: " ").map(String.init), in: folder.path).status == 0
    )
    for (name, arguments) in [
      ("sweeps", Self.arguments + ["sweeps"]), ("tasks", ["task", "plan.json", "1-12"]),
    ] {
      let processes = (0..<3).map { _ in CommandRun.process(arguments, in: folder.path) }
      for process in processes {
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
      }
      for process in processes {
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(name)")
      }
    }
    let table = ["task", "plan.json", "--stage", "table", "1"]
    #expect(try CommandRun.sumac(table, in: folder.path).status == 0)
    for name in ["sweeps", "tasks"] { try expectWhole(name, in: folder) }
  }

  @Test("a plan of a sweep ends with the tables of its tasks") func plan() throws {
    let workspace = try Workspace()
    func sumac(_ line: String) throws -> CommandRun {
      try CommandRun.sumac(line.split(separator: " ").map(String.init), in: workspace.folder.path)
    }
    let line = "plan repeats sweep repeats/sweep.yaml --into out -o plan.json -j 1"
    #expect(try sumac(line).status == 0)
    #expect(try sumac("task plan.json 13").status == 64)
    #expect(try sumac("task plan.json 1-13").status == 0)
    let table = try String(decoding: workspace.folder.bytes("out/sweep.csv"), as: UTF8.self)
    #expect(table.split(separator: "\n").count == 13)
    // The table is one that fits read.
    let fit = try sumac("repeats fit out/sweep.csv --law power-without-floor --json")
    #expect(fit.status == 0, "\(fit.messages)")
    #expect(try sumac("plan plan.json --emit make -o scripts").status == 0)
  }
}
