import ArgumentParser
import Base
import Checkpoints
import Glibc

/// The options of every command.
struct GlobalOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Print only errors.")
  var quiet = false

  @Flag(
    name: .shortAndLong,
    help: "Print how each tensor is stored; -vv also prints time and memory.")
  var verbose: Int

  @Option(help: "When to color messages and charts in text.")
  var color = ColorChoice.auto

  @Option(help: "How to show progress.")
  var progress = ProgressChoice.auto

  @Option(
    name: [.customShort("j", allowingJoined: true), .long],
    help: ArgumentHelp("Number of threads. (default: number of cores)", valueName: "n"))
  var jobs: Int?

  @Option(
    help: ArgumentHelp(
      "Limit of resident memory, such as 64MiB or 2GiB; minimum 32MiB.", valueName: "size"))
  var memory = SizeArgument(ByteSize(MemoryBudget.standardByteCount))

  @Option(
    help: ArgumentHelp("Folder for temporary files. (default: $TMPDIR or /tmp)", valueName: "dir"),
    completion: .directory)
  var tmpdir: String?

  @Option(
    help: ArgumentHelp(
      "Path of the dictionary of tensors in a nested PyTorch file, such as model.state_dict.",
      valueName: "path"))
  var key: String?

  @Option(
    help: ArgumentHelp(
      "Variant of the weights files in a model folder, such as fp16.", valueName: "name"))
  var variant: String?

  private static let jobCounts = 1...4096

  mutating func validate() throws {
    if let jobs, !Self.jobCounts.contains(jobs) {
      throw ValidationError("--jobs is \(jobs), expected 1 to 4096")
    }
    if jobs == nil, let text = Environment["SUMAC_JOBS"], !text.isEmpty, Self.jobCount(text) == nil
    {
      throw ValidationError(
        "the environment variable SUMAC_JOBS is '\(text.printable)', expected 1 to 4096")
    }
    guard memory.size.byteCount >= MemoryBudget.leastByteCount else {
      throw ValidationError(
        "--memory is \(memory.size), the minimum is \(ByteSize(MemoryBudget.leastByteCount))")
    }
  }

  private static func jobCount(_ text: String) -> Int? {
    Int(text).flatMap { jobCounts.contains($0) ? $0 : nil }
  }

  /// The number of threads: `--jobs`, otherwise `SUMAC_JOBS`, otherwise the processors that this process may use.
  var jobCount: Int {
    jobs ?? Environment["SUMAC_JOBS"].flatMap(Self.jobCount) ?? ProcessorCount.current().usable
  }
}

extension GlobalOptions {
  /// The folder for temporary files: `--tmpdir`, otherwise `SUMAC_TMPDIR`, `TMPDIR` or `/tmp`.
  var temporaryFolder: String {
    if let tmpdir { return tmpdir }
    let variables = ["SUMAC_TMPDIR", "TMPDIR"].compactMap { Environment[$0] }
    return variables.first { !$0.isEmpty } ?? "/tmp"
  }

  /// The folder of the Hugging Face cache, as huggingface_hub finds it; nil without a home folder.
  var hubFolder: String? {
    func value(_ name: String) -> String? { Environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    if let folder = value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") { return folder }
    if let home = value("HF_HOME") { return home + "/hub" }
    let caches = value("XDG_CACHE_HOME") ?? value("HOME").map { $0 + "/.cache" }
    return caches.map { $0 + "/huggingface/hub" }
  }
}

enum ColorChoice: String, CaseIterable, ExpressibleByArgument {
  case auto, always, never

  /// Returns true if text on an output of the process has colors: with `auto`, in a terminal, unless `NO_COLOR` is set or
  /// `TERM` is `dumb`.
  func isActive(for descriptor: Int32) -> Bool {
    switch self {
    case .always: true
    case .never: false
    case .auto:
      isatty(descriptor) == 1 && (Environment["NO_COLOR"] ?? "").isEmpty
        && Environment["TERM"] != "dumb"
    }
  }
}

enum ProgressChoice: String, CaseIterable, ExpressibleByArgument {
  case auto, plain, jsonl, none
}

/// A size in bytes on the command line, such as `64MiB`.
struct SizeArgument: ExpressibleByArgument {
  var size: ByteSize

  init(_ size: ByteSize) { self.size = size }

  init?(argument: String) {
    guard let size = ByteSize(argument) else { return nil }
    self.size = size
  }

  var defaultValueDescription: String { size.description.filter { $0 != " " } }
}
