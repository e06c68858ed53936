import Foundation
import TestSupport

/// One run of bash in which the commands of a page run in their order, as a reader would type them.
struct ConsoleSession {
  struct Result {
    var lines: [String]
    var status: Int
  }

  /// A folder with links to what lies at the top of the repository.
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

  /// Runs all steps and returns the result of each, standard output and standard error together.
  func run(_ steps: [ConsolePage.Content]) throws -> [Result] {
    // A mark ends the output of a step and carries its status, which the next one may ask for.
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
    return stride(from: 0, to: parts.count - 1, by: 2).map { place in
      var lines = parts[place].split(separator: "\n", omittingEmptySubsequences: false)
      while lines.last?.isEmpty == true { lines.removeLast() }
      return Result(lines: lines.map(String.init), status: Int(parts[place + 1]) ?? -1)
    }
  }

  private static func shell(_ step: ConsolePage.Content) -> String {
    switch step {
    case .command(let text, shown: _, varies: _): text
    // In a shell of its own that ends with the first command that fails.
    case .script(let text): "(\nset -e\n\(text)\n)"
    case .file(let name, let content): "cat > '\(name)' <<'END_OF_FILE'\n\(content)END_OF_FILE"
    }
  }

  /// That of the tests, with the program that was built on the path and nothing that changes how it
  /// prints.
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
