import ArgumentParser
import Base
import Checkpoints

struct GlobalOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Say nothing but errors.")
  var quiet = false

  @Flag(
    name: .shortAndLong,
    help: "Say what is decided for each tensor; twice: times and memory as well.")
  var verbose: Int

  @Option(help: "When to colour messages: auto, always or never.")
  var color = ColorChoice.auto

  @Option(help: "How to show progress: auto, plain, jsonl or none.")
  var progress = ProgressChoice.auto

  @Option(
    name: [.customShort("j", allowingJoined: true), .long],
    help: ArgumentHelp("Threads to use; as many as there are cores if not given.", valueName: "n"))
  var jobs: Int?

  @Option(
    help: ArgumentHelp(
      "Resident memory to stay below, such as 64MiB or 2GiB; at least 32MiB.", valueName: "size"))
  var memory = SizeArgument(ByteSize(MemoryBudget.standardByteCount))

  @Option(
    help: ArgumentHelp("Folder for temporary files.", valueName: "dir"),
    completion: .directory)
  var tmpdir: String?

  mutating func validate() throws {
    if let jobs, !(1...4096).contains(jobs) {
      throw ValidationError("--jobs is \(jobs), expected 1 to 4096")
    }
    guard memory.size.byteCount >= MemoryBudget.leastByteCount else {
      throw ValidationError(
        "--memory is \(memory.size), the least is \(ByteSize(MemoryBudget.leastByteCount))")
    }
  }

  /// `--jobs`, else `SUMAC_JOBS`, else the number of processors that this process may use.
  var jobCount: Int {
    if let jobs { return jobs }
    if let text = Environment["SUMAC_JOBS"], let jobs = Int(text), (1...4096).contains(jobs) {
      return jobs
    }
    return ProcessorCount.current().usable
  }
}

extension GlobalOptions {
  /// `--tmpdir`, else `SUMAC_TMPDIR`, else `TMPDIR`, else `/tmp`.
  var temporaryFolder: String {
    if let tmpdir { return tmpdir }
    let variables = ["SUMAC_TMPDIR", "TMPDIR"].compactMap { Environment[$0] }
    return variables.first { !$0.isEmpty } ?? "/tmp"
  }
}

enum ColorChoice: String, CaseIterable, ExpressibleByArgument {
  case auto, always, never
}

enum ProgressChoice: String, CaseIterable, ExpressibleByArgument {
  case auto, plain, jsonl, none
}

/// A size on the command line.
struct SizeArgument: ExpressibleByArgument {
  var size: ByteSize

  init(_ size: ByteSize) { self.size = size }

  init?(argument: String) {
    guard let size = ByteSize(argument) else { return nil }
    self.size = size
  }

  var defaultValueDescription: String { size.description.filter { $0 != " " } }
}
