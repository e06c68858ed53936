package import Foundation

/// A finished run of the program that was built with the tests.
package struct CommandRun: Sendable {
  package var status: Int32
  package var output: String
  package var messages: String

  /// The folder of the build products, which also contains the test bundle of this process.
  package static let productFolder: String = {
    var path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    // The runner of XCTest receives the bundle as an argument.
    if let bundle = CommandLine.arguments.first(where: { $0.contains(".xctest") }) { path = bundle }
    if let range = path.range(of: ".xctest") { path = String(path[..<range.lowerBound]) }
    return URL(fileURLWithPath: path).deletingLastPathComponent().path
  }()

  package static var program: String { productFolder + "/sumac" }

  /// Runs `sumac` and waits for its end.
  /// - Parameters:
  ///   - input: The path of a file that is standard input; nil for none.
  ///   - environment: Variables that are added to a small fixed environment.
  package static func sumac(
    _ arguments: [String], in folder: String? = nil, input: String? = nil,
    environment: [String: String] = [:], program: String = program
  ) throws -> CommandRun {
    let process = Self.process(arguments, in: folder, environment: environment, program: program)
    if let input {
      process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: input))
    }
    let output = Pipe()
    let messages = Pipe()
    process.standardOutput = output
    process.standardError = messages
    try process.run()
    let collected = Collected()
    let reader = Thread {
      collected.set(messages.fileHandleForReading.readDataToEndOfFile())
    }
    reader.start()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return CommandRun(
      status: process.terminationReason == .uncaughtSignal
        ? 128 + process.terminationStatus : process.terminationStatus,
      output: String(decoding: text, as: UTF8.self),
      messages: String(decoding: collected.get(), as: UTF8.self))
  }

  /// Returns a run of `sumac` that is not started yet.
  package static func process(
    _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:],
    program: String = program
  ) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = [
      "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TERM": "dumb", "LC_ALL": "C.UTF-8",
    ].merging(environment) { $1 }
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    process.standardInput = FileHandle.nullDevice
    return process
  }
}

/// A box for bytes that another thread sets once.
private final class Collected: @unchecked Sendable {
  private let done = DispatchSemaphore(value: 0)
  private var data = Data()

  func set(_ data: Data) {
    self.data = data
    done.signal()
  }

  func get() -> Data {
    done.wait()
    return data
  }
}
