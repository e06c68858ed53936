import Foundation
import TestSupport

/// A bash process that runs the commands of a page in order.
struct ConsoleSession {
  struct Result {
    var lines: [String]
    var status: Int
  }

  /// A folder with links to the top-level files and folders of the repository.
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let root = Self.root.path
    for name in try FileManager.default.contentsOfDirectory(atPath: root)
    where !name.hasPrefix(".") {
      try FileManager.default.createSymbolicLink(
        atPath: folder[name], withDestinationPath: root + "/" + name)
    }
  }

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Runs all steps and returns the result of each, with standard output and standard error combined.
  func run(_ steps: [ConsolePage.Content]) throws -> [Result] {
    // A mark with the status ends the output of a step; the status is also passed on to the next step.
    let script = steps.map { step in
      Self.shell(step) + "\n__status=$?; printf '\\001%d\\001' $__status; (exit $__status)\n"
    }.joined()
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    shell.arguments = ["bash", "-c", script]
    shell.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    shell.environment = Self.environment
    shell.standardInput = FileHandle.nullDevice
    let output = Pipe()
    shell.standardOutput = output
    shell.standardError = output
    try shell.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    shell.waitUntilExit()
    let parts = text.split(separator: "\u{1}", omittingEmptySubsequences: false).map(String.init)
    return stride(from: 0, to: parts.count - 1, by: 2).map { index in
      var lines = parts[index].split(separator: "\n", omittingEmptySubsequences: false)
      while lines.last?.isEmpty == true { lines.removeLast() }
      return Result(lines: lines.map(String.init), status: Int(parts[index + 1]) ?? -1)
    }
  }

  private static func shell(_ step: ConsolePage.Content) -> String {
    switch step {
    case .command(let text, shown: _, varies: _): text
    // A subshell that ends at the first failing command.
    case .script(let text): "(\nset -e\n\(text)\n)"
    case .file(let name, let content): "cat > '\(name)' <<'END_OF_FILE'\n\(content)END_OF_FILE"
    }
  }

  /// The environment of the tests, with the built program in `PATH` and without variables that change its
  /// output.
  private static let environment: [String: String] = {
    var result = ProcessInfo.processInfo.environment.filter {
      !$0.key.hasPrefix("SUMAC_") && !["NO_COLOR", "COLUMNS"].contains($0.key)
    }
    result["PATH"] = CommandRun.productFolder + ":" + (result["PATH"] ?? "/usr/bin:/bin")
    result["LC_ALL"] = "C.UTF-8"
    result["TERM"] = "dumb"
    return result
  }()
}
